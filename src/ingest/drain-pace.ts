/** How many records of the spool the next statement takes. */

/** Larger than a live batch: nobody waits for the answer. */
const MAX_RECORDS = 500;
/** While webhooks come in beside: their statements must not wait for long. */
const MAX_BESIDE_LIVE = 100;
/** Large statements in a row where even one record takes too long: then it is not their size. */
const LARGE_WHERE_SIZE_IS_NOT_WHY = 10;

export class DrainPace {
  /** Milliseconds within which a commit closes the breaker. */
  readonly #commitTimeoutMs: number;
  #records = MAX_RECORDS;
  #large = 0;

  constructor(commitTimeoutMs: number) {
    this.#commitTimeoutMs = commitTimeoutMs;
  }

  records(liveTraffic: boolean): number {
    return liveTraffic ? Math.min(this.#records, MAX_BESIDE_LIVE) : this.#records;
  }

  /** Fewer: the answer comes sooner, and a bad record ends up alone. */
  failed(): void {
    this.#records = Math.max(1, this.#records >> 3);
    this.#large = 0;
  }

  /**
   * A statement was committed. Fewer if that took so long that the breaker stays open: all webhooks would have to pass through
   * the drain's one connection, for ever. Where even a single record takes as long, more again.
   */
  committed(milliseconds: number): void {
    if (milliseconds < this.#commitTimeoutMs) {
      if (milliseconds * 2 < this.#commitTimeoutMs) this.#records = Math.min(this.#records * 2, MAX_RECORDS);
      this.#large = 0;
    } else if (this.#large > 0) {
      this.#large--;
      if (this.#large === 0) this.#records = 4;
    } else if (this.#records === 1) {
      this.#large = LARGE_WHERE_SIZE_IS_NOT_WHY;
      this.#records = MAX_RECORDS;
    } else {
      this.#records = Math.max(1, this.#records >> 2);
    }
  }
}
