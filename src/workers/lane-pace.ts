/** How fast a destination takes deliveries while there are any for it, as the last moments tell. */

/** Milliseconds over which a pace is measured, at least. */
const PACE_MS = 20;

export class LanePace {
  #since: number;
  #answered = 0;
  /** Milliseconds since then for which a place was free and nothing there to take it; that says nothing of the destination. */
  #idleMs = 0;
  #idleSince: number | undefined;
  /** Deliveries a millisecond. */
  #pace = 0;

  /** @param now milliseconds, monotonic, here and below */
  constructor(now: number) {
    this.#since = now;
    this.#idleSince = now;
  }

  /** Nothing has been answered since it was measured. */
  get isFresh(): boolean {
    return this.#answered === 0;
  }

  answered(): void {
    this.#answered++;
  }

  /** A place is free, and nothing is there to take it. */
  idle(now: number): void {
    this.#idleSince ??= now;
  }

  /** There is something again. */
  busy(now: number): void {
    if (this.#idleSince !== undefined) this.#idleMs += now - this.#idleSince;
    this.#idleSince = undefined;
  }

  /** Deliveries a millisecond. A moment in which nothing was answered does not yet make it slow. */
  measure(now: number): number {
    const elapsed = now - this.#since;
    if (elapsed < PACE_MS) return this.#pace;
    const idleMs = this.#idleMs + (this.#idleSince === undefined ? 0 : now - this.#idleSince);
    this.#pace = Math.max(this.#answered / Math.max(PACE_MS, elapsed - idleMs), this.#pace / 2);
    this.#since = now;
    this.#answered = 0;
    this.#idleMs = 0;
    if (this.#idleSince !== undefined) this.#idleSince = now;
    return this.#pace;
  }
}
