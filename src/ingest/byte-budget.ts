/** Bounds the bytes of webhooks in memory: bodies being read, bodies and payloads queued and in flight. */

/** Bytes a second below which a body is cut, once its first two seconds are over. */
const MIN_RATE = 16 * 1024;
const GRACE_MS = 2_000;
const SWEEP_MS = 500;

/** A body's share of the budget, from its first byte until nobody holds it any longer. */
export interface Lease {
  /** Bytes received so far. */
  readonly bytes: number;
  /**
   * Counts bytes that have just arrived. If that is more than the budget allows, the slowest body still being read is cut,
   * which can be this one.
   */
  add(bytes: number): void;
  /** The body has arrived whole: it can no longer be cut. */
  complete(): void;
  /** Counts what was made of a body that has arrived whole: its payloads. */
  grow(bytes: number): void;
  /** Nobody holds the bytes any longer. Idempotent. */
  release(): void;
}

interface Reading {
  readonly startedAt: number;
  bytes: number;
  /** Gives the body up: its bytes are free at once. */
  cut: () => void;
}

export interface ByteBudgetOptions {
  readonly maxBytes: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
}

/**
 * Counts what has arrived, never what was announced: a thousand senders that announce 4 MiB and send one byte each hold a
 * thousand bytes. Has a timer while bodies are being read: `close()` it.
 */
export class ByteBudget {
  readonly #maxBytes: number;
  readonly #now: () => number;
  readonly #reading = new Set<Reading>();
  #used = 0;
  #beingRead = 0;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: ByteBudgetOptions) {
    this.#maxBytes = options.maxBytes;
    this.#now = options.now ?? (() => performance.now());
  }

  get used(): number {
    return this.#used;
  }

  /** True if what is queued and in flight fills the budget: a further body is refused before it is read. */
  get full(): boolean {
    return this.#used - this.#beingRead >= this.#maxBytes;
  }

  /** A body begins to arrive. `onCut` is called at most once, when it must be given up; its lease is then released. */
  open(onCut: () => void): Lease {
    const reading: Reading = { startedAt: this.#now(), bytes: 0, cut: () => undefined };
    let state: 'reading' | 'complete' | 'released' = 'reading';
    this.#reading.add(reading);
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS);
    const endReading = () => {
      if (state !== 'reading') return;
      this.#beingRead -= reading.bytes;
      this.#reading.delete(reading);
      if (this.#reading.size === 0) this.#stopSweeper();
    };
    const lease: Lease = {
      get bytes() {
        return reading.bytes;
      },
      add: (bytes) => {
        if (state !== 'reading') return;
        reading.bytes += bytes;
        this.#used += bytes;
        this.#beingRead += bytes;
        while (this.#used > this.#maxBytes && this.#cutSlowest());
      },
      complete: () => {
        endReading();
        if (state === 'reading') state = 'complete';
      },
      grow: (bytes) => {
        if (state !== 'complete') return;
        reading.bytes += bytes;
        this.#used += bytes;
      },
      release: () => {
        endReading();
        if (state !== 'released') this.#used -= reading.bytes;
        state = 'released';
      },
    };
    reading.cut = () => {
      lease.release();
      onCut();
    };
    return lease;
  }

  /** Stops the timer. Idempotent. */
  close(): void {
    this.#stopSweeper();
  }

  #stopSweeper(): void {
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #sweep(): void {
    const now = this.#now();
    for (const reading of this.#reading) {
      const elapsed = now - reading.startedAt - GRACE_MS;
      if (elapsed > 0 && reading.bytes < (elapsed / 1000) * MIN_RATE) reading.cut();
    }
  }

  /** Cuts the body that arrives most slowly; false if none is being read. */
  #cutSlowest(): boolean {
    const now = this.#now();
    let slowest: Reading | undefined;
    let slowestRate = Number.POSITIVE_INFINITY;
    for (const reading of this.#reading) {
      const rate = reading.bytes / (now - reading.startedAt + 1);
      // A body without a byte yet frees nothing.
      if (reading.bytes > 0 && rate < slowestRate) {
        slowest = reading;
        slowestRate = rate;
      }
    }
    slowest?.cut();
    return slowest !== undefined;
  }
}
