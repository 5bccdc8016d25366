/** Reports on their way to the store: in groups, kept until they have arrived, and none may keep the others from arriving. */
import type { AttemptReport, DeliveryStore } from '../core/delivery.ts';
import { StoreError } from '../core/errors.ts';
import type { PausedDestination } from '../core/own-event.ts';

/** Reports in one transaction. */
const GROUP = 500;

export interface ReportOutboxOptions {
  readonly store: Pick<DeliveryStore, 'report'>;
  /** Reports had these paused. Called after the commit. */
  readonly onPaused: (paused: readonly PausedDestination[]) => void;
  /** The store refuses a report as it is: its delivery will be sent again when the lease has run out. */
  readonly onDropped: (report: AttemptReport, error: StoreError) => void;
}

export class ReportOutbox {
  readonly #options: ReportOutboxOptions;
  readonly #waiting: AttemptReport[] = [];
  #flushing: Promise<void> = Promise.resolve();

  constructor(options: ReportOutboxOptions) {
    this.#options = options;
  }

  /** Reports that have not arrived. */
  get size(): number {
    return this.#waiting.length;
  }

  add(report: AttemptReport): void {
    this.#waiting.push(report);
  }

  /** Resolves when all that wait now have arrived. Rejects while the store takes none: they are kept, call it again. */
  flush(): Promise<void> {
    // One after the other: two at a time would send the same reports.
    this.#flushing = this.#flushing.catch(() => undefined).then(() => this.#send());
    return this.#flushing;
  }

  async #report(reports: readonly AttemptReport[]): Promise<void> {
    const paused = await this.#options.store.report(reports);
    if (paused.length > 0) this.#options.onPaused(paused);
  }

  async #send(): Promise<void> {
    // Those that come meanwhile go with the next: else there would be one transaction after the other, each for a few.
    for (let left = this.#waiting.length; left > 0; ) {
      const group = this.#waiting.slice(0, Math.min(left, GROUP));
      try {
        await this.#report(group);
        this.#waiting.splice(0, group.length);
      } catch (error) {
        if (!isData(error)) throw error;
        await this.#sendOneByOne(group);
      }
      left -= group.length;
    }
  }

  async #sendOneByOne(group: readonly AttemptReport[]): Promise<void> {
    for (const report of group) {
      try {
        await this.#report([report]);
      } catch (error) {
        if (!isData(error)) throw error;
        await this.#sendWithoutAnswer(report);
      }
      this.#waiting.shift();
    }
  }

  /** What a receiver answered is all that a stranger has a hand in. */
  async #sendWithoutAnswer(report: AttemptReport): Promise<void> {
    const { answer } = report;
    const bare = answer === null ? null : { status: answer.status, headers: {}, body: Buffer.alloc(0) };
    try {
      await this.#report([{ ...report, answer: bare }]);
    } catch (error) {
      if (!isData(error)) throw error;
      this.#options.onDropped(report, error);
    }
  }
}

function isData(error: unknown): error is StoreError {
  return error instanceof StoreError && error.fault === 'data';
}
