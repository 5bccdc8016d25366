/**
 * Whether webhooks are offered to PostgreSQL at all. While it fails, each would wait for its deadline before it goes to the
 * spool; after a few failures in a row they go there at once.
 */

/** Failures in a row, without a commit in time between them, after which the breaker opens. */
const FAILURES_TO_OPEN = 3;

export interface BreakerListener {
  /** `reason`: the last failure, for people. */
  onOpen(reason: string): void;
  onClose(): void;
}

export class StoreBreaker {
  readonly #listener: BreakerListener;
  #failures = 0;
  #open = false;
  #commits = 0;

  constructor(listener: BreakerListener) {
    this.#listener = listener;
  }

  /** True: webhooks go to the spool without asking PostgreSQL. */
  get open(): boolean {
    return this.#open;
  }

  /** Live batches committed in time so far. */
  get commits(): number {
    return this.#commits;
  }

  /** A batch failed, or requests waited for theirs in vain. */
  failed(reason: string): void {
    this.#failures++;
    if (this.#open || this.#failures < FAILURES_TO_OPEN) return;
    this.#open = true;
    this.#listener.onOpen(reason);
  }

  /** A live batch was committed in time. That does not close the breaker: it may have left before the outage began. */
  committed(): void {
    this.#commits++;
    this.#failures = 0;
  }

  /** What was sent to find out whether PostgreSQL is back was committed in time. */
  close(): void {
    this.#failures = 0;
    if (!this.#open) return;
    this.#open = false;
    this.#listener.onClose();
  }
}
