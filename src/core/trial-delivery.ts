/** A delivery that an operator asks for to see whether a destination works: made up, sent once, stored nowhere. */
import type { AttemptAnswer, AttemptFailure } from './delivery.ts';
import type { OpenedDestination } from './destination-store.ts';
import type { ProviderName } from './event.ts';

/** What is sent. */
export interface TrialSample {
  readonly provider: ProviderName;
  /** Of the event, such as `invoice.paid`; the provider's most usual one if absent. */
  readonly type?: string | undefined;
}

export interface TrialResult {
  /** Milliseconds until the answer, or until it was given up. */
  readonly durationMs: number;
  readonly answer: AttemptAnswer | null;
  /** Null if it was delivered. */
  readonly failure: AttemptFailure | null;
  /** For people; nothing of a body, a secret or a header. */
  readonly error: string | null;
}

/** @throws Refusal `bad_request` for a type of which the provider has no sample */
export type SendTrial = (opened: OpenedDestination, sample: TrialSample) => Promise<TrialResult>;
