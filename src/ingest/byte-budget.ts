/** Bounds the bytes of webhooks in memory: bodies being read, bodies and payloads queued and in flight. */

/** Bytes a second below which a body is cut, once its first two seconds are over. */
const MIN_RATE = 16 * 1024;
const GRACE_MS = 2_000;
const SWEEP_MS = 500;
/** Milliseconds within which almost every webhook has arrived whole. */
const YOUNG_MS = 100;
/** Bytes a millisecond that no sender reaches. */
const MAX_RATE = 1e12;

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
  /** One more holds the bytes, and will call `release` too. Only for a body that has arrived whole. */
  hold(): void;
  /** One holder less; with the last of them the bytes are free. */
  release(): void;
}

export interface ByteBudgetOptions {
  readonly maxBytes: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
}

/** What a budget and its leases count together. */
interface Ledger {
  readonly maxBytes: number;
  readonly reading: Set<BodyLease>;
  used: number;
  beingRead: number;
  /** Cuts the body that arrives most slowly, one that has just begun only if there is no other; false if none is being read. */
  cutSlowest(): boolean;
}

/** A class and no closures: one is made for every webhook. */
class BodyLease implements Lease {
  readonly startedAt: number;
  bytes = 0;
  #holders = 1;
  readonly #ledger: Ledger;
  readonly #onCut: () => void;
  #state: 'reading' | 'complete' | 'released' = 'reading';

  constructor(ledger: Ledger, onCut: () => void, startedAt: number) {
    this.#ledger = ledger;
    this.#onCut = onCut;
    this.startedAt = startedAt;
    ledger.reading.add(this);
  }

  add(bytes: number): void {
    if (this.#state !== 'reading') return;
    const ledger = this.#ledger;
    this.bytes += bytes;
    ledger.used += bytes;
    ledger.beingRead += bytes;
    while (ledger.used > ledger.maxBytes && ledger.cutSlowest());
  }

  complete(): void {
    this.#endReading();
    if (this.#state === 'reading') this.#state = 'complete';
  }

  grow(bytes: number): void {
    if (this.#state !== 'complete') return;
    this.bytes += bytes;
    this.#ledger.used += bytes;
  }

  hold(): void {
    this.#holders++;
  }

  release(): void {
    this.#holders--;
    if (this.#holders > 0) return;
    this.#endReading();
    if (this.#state !== 'released') this.#ledger.used -= this.bytes;
    this.#state = 'released';
  }

  /** Gives the body up: its bytes are free at once. */
  cut(): void {
    this.release();
    this.#onCut();
  }

  #endReading(): void {
    if (this.#state !== 'reading') return;
    this.#ledger.beingRead -= this.bytes;
    this.#ledger.reading.delete(this);
  }
}

/**
 * Counts what has arrived, never what was announced: a thousand senders that announce 4 MiB and send one byte each hold a
 * thousand bytes. Has a timer while bodies are being read, and up to half a second longer: `close()` it.
 */
export class ByteBudget {
  readonly #now: () => number;
  readonly #ledger: Ledger;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: ByteBudgetOptions) {
    this.#now = options.now ?? (() => performance.now());
    this.#ledger = {
      maxBytes: options.maxBytes,
      reading: new Set(),
      used: 0,
      beingRead: 0,
      cutSlowest: () => this.#cutSlowest(),
    };
  }

  get used(): number {
    return this.#ledger.used;
  }

  /** True if what is queued and in flight fills the budget: a further body is refused before it is read. */
  get full(): boolean {
    return this.#ledger.used - this.#ledger.beingRead >= this.#ledger.maxBytes;
  }

  /** A body begins to arrive. `onCut` is called at most once, when it must be given up; its lease is then released. */
  open(onCut: () => void): Lease {
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS);
    return new BodyLease(this.#ledger, onCut, this.#now());
  }

  /** Stops the timer. Idempotent. */
  close(): void {
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #sweep(): void {
    // Not with the last body: under load that would be a timer for every webhook.
    if (this.#ledger.reading.size === 0) this.close();
    const now = this.#now();
    for (const lease of this.#ledger.reading) {
      const elapsed = now - lease.startedAt - GRACE_MS;
      if (elapsed > 0 && lease.bytes < (elapsed / 1000) * MIN_RATE) lease.cut();
    }
  }

  #cutSlowest(): boolean {
    const now = this.#now();
    let slowest: BodyLease | undefined;
    let slowestRate = Number.POSITIVE_INFINITY;
    for (const lease of this.#ledger.reading) {
      // A body without a byte yet frees nothing.
      if (lease.bytes === 0) continue;
      const elapsed = now - lease.startedAt;
      // A small webhook that has just come is no slow sender, though among giants its rate may be the lowest.
      const rate = lease.bytes / (elapsed + 1) + (elapsed < YOUNG_MS ? MAX_RATE : 0);
      if (rate < slowestRate) {
        slowest = lease;
        slowestRate = rate;
      }
    }
    slowest?.cut();
    return slowest !== undefined;
  }
}
