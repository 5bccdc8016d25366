/** When the next turn of a worker begins, for those who want one at different times: the earliest counts. */
export class Pace {
  readonly #spacingMs: number;
  readonly #begin: () => void;
  #startedAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Number.POSITIVE_INFINITY;

  /** @param begin is called when it is time; the turn says itself that it has begun */
  constructor(spacingMs: number, begin: () => void) {
    this.#spacingMs = spacingMs;
    this.#begin = begin;
  }

  /** A turn has begun: whoever wanted one has it. */
  began(): void {
    this.#startedAt = performance.now();
    this.stop();
  }

  /** At once, but for the spacing between the starts of two turns. */
  spaced(): void {
    this.#at(this.#startedAt + this.#spacingMs);
  }

  /** In the spacing's time: until then more may come that wants the same turn. */
  gathered(): void {
    this.#at(performance.now() + this.#spacingMs);
  }

  /** Forgets who wanted one. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#dueAt = Number.POSITIVE_INFINITY;
  }

  #at(time: number): void {
    if (time >= this.#dueAt) return;
    this.stop();
    const restMs = time - performance.now();
    if (restMs <= 0) {
      this.#begin();
    } else {
      this.#dueAt = time;
      this.#timer = setTimeout(this.#begin, restMs);
    }
  }
}
