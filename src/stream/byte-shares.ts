/** What the streams of a process hold of events together: each takes its share before it loads, and waits for it in turn. */

/**
 * Bytes over all streams of a process. Room for `MAX_STREAMS` pages of ordinary size (`PAGE` of the feed), so that with small
 * events nobody waits for the slow reader of another; and small beside the 256 MiB that ingest may hold.
 */
export const MAX_HELD_BYTES = 64 * 1024 * 1024;

/** To be given back when nothing of it is held any more. */
export interface Share {
  /** Gives back all but so much; never takes. */
  shrink(bytes: number): void;
  /** Gives back the rest. Idempotent. */
  release(): void;
}

interface Waiting {
  readonly bytes: number;
  readonly admit: () => void;
}

export class ByteShares {
  readonly #maxBytes: number;
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiting>();
  #used = 0;

  constructor(maxBytes = MAX_HELD_BYTES) {
    this.#maxBytes = maxBytes;
  }

  get used(): number {
    return this.#used;
  }

  /**
   * First come, first served: a small one does not overtake, or a large one would wait for ever. One that is larger than all
   * there is passes alone. Resolves to null if the signal aborts meanwhile. Never rejects. Whoever holds a share must not wait
   * for another.
   */
  take(bytes: number, signal: AbortSignal): Promise<Share | null> {
    return new Promise((resolve) => {
      if (signal.aborted) {
        resolve(null);
        return;
      }
      const leave = () => {
        this.#waiting.delete(waiting);
        resolve(null);
        this.#admit();
      };
      const admit = () => {
        signal.removeEventListener('abort', leave);
        resolve(this.#share(bytes));
      };
      const waiting = { bytes, admit };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.add(waiting);
      this.#admit();
    });
  }

  #admit(): void {
    for (const waiting of this.#waiting) {
      if (this.#used > 0 && this.#used + waiting.bytes > this.#maxBytes) return;
      this.#waiting.delete(waiting);
      this.#used += waiting.bytes;
      waiting.admit();
    }
  }

  #share(bytes: number): Share {
    let held = bytes;
    const shrink = (to: number) => {
      if (to >= held) return;
      this.#used -= held - to;
      held = to;
      this.#admit();
    };
    return { shrink, release: () => shrink(0) };
  }
}
