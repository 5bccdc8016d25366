/** What operators do with deliveries: look at them, try them sooner, give them up. Owing anew is a replay (replay.ts). */
import type { Change } from './audit.ts';
import type { AttemptFailure, DeliveryState } from './delivery.ts';
import type { ProviderName } from './event.ts';
import type { Page, PageRequest } from './page.ts';

export interface DeliverySummary {
  /** UUID v7. */
  readonly id: string;
  readonly destinationId: string;
  /** Null for the format `original`, which is owed for a request. */
  readonly eventId: string | null;
  readonly requestId: string;
  /** Null unless an operator asked for it anew. */
  readonly replayId: string | null;
  readonly source: string;
  readonly provider: ProviderName;
  /** Of the event; with `original` of the first event of the request that the destination is interested in. */
  readonly type: string;
  /** Null with `original`: a request may speak of several. */
  readonly subject: string | null;
  readonly state: DeliveryState;
  /** Those that count; a failed probe of a destination that is down does not. */
  readonly attempts: number;
  /** Of a finished one without meaning. */
  readonly nextAttemptAt: Date;
  readonly lastStatus: number | null;
  readonly lastFailure: AttemptFailure | null;
  readonly receivedAt: Date;
  readonly createdAt: Date;
  readonly finishedAt: Date | null;
}

/** One attempt as it was recorded. */
export interface RecordedAttempt {
  readonly id: string;
  /** From 1. Several have the same one if a lease was lost, or after a failed probe. */
  readonly number: number;
  readonly startedAt: Date;
  /** Milliseconds. */
  readonly durationMs: number;
  readonly status: number | null;
  readonly responseHeaders: Readonly<Record<string, string>> | null;
  readonly responseBody: Buffer | null;
  readonly failure: AttemptFailure | null;
  readonly error: string | null;
  /** A failed probe, which counts as no attempt. */
  readonly probe: boolean;
}

export interface DeliveryDetail extends DeliverySummary {
  /** Oldest first. */
  readonly history: readonly RecordedAttempt[];
}

export interface DeliveryFilter {
  readonly destinationId?: string | undefined;
  readonly state?: DeliveryState | undefined;
  readonly eventId?: string | undefined;
  /** Of whatever event of that request. */
  readonly requestId?: string | undefined;
  readonly replayId?: string | undefined;
}

/** Of the arrival of a delivery's request. */
export interface ReceivedRange {
  /** At or after. */
  readonly from?: Date | undefined;
  /** Before. */
  readonly to?: Date | undefined;
}

/** `conflict`: its state does not allow it. */
export type DeliveryChange = 'done' | 'not_found' | 'conflict';

/** Every change and its entry of the audit log are one transaction. All reject with a `StoreError` only. */
export interface DeliveryAdmin {
  /** Newest first. */
  list(filter: DeliveryFilter, page: PageRequest): Promise<Page<DeliverySummary>>;
  find(id: string): Promise<DeliveryDetail | null>;
  /**
   * Due now. One that is pending keeps its attempts; a dead or cancelled one begins its schedule anew. `conflict` while it is
   * being sent, if it has been delivered (that would be a replay), and if its destination has been removed.
   */
  retry(id: string, change: Change): Promise<DeliveryChange>;
  /** Never sent again. What is under way is not called back: if it arrives, the delivery is delivered after all. */
  cancel(id: string, change: Change): Promise<DeliveryChange>;
  /**
   * Begins the schedules of a destination's dead deliveries anew, oldest first.
   *
   * @param limit at most so many, up to 1,000; there may be more while it returns as many
   * @param received only those; absent: all
   * @returns how many; none if the destination has been removed
   */
  redrive(destinationId: string, limit: number, change: Change, received?: ReceivedRange): Promise<number>;
}
