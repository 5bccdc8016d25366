/** How far long work has come: a bar that is drawn over itself on a terminal, elsewhere a line every ten seconds. */

/** Milliseconds between two drawings, and between two lines. */
const DRAW_MS = 100;
const LINE_MS = 10_000;
const BAR_WIDTH = 24;

/** Standard error, so that the result can be read by a program. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export class ProgressLine {
  readonly #stream: ProgressStream;
  readonly #now: () => number;
  #shownAt: number;
  #drawn = false;

  /** @param now milliseconds, of a clock that is never set */
  constructor(stream: ProgressStream, now: () => number = () => performance.now()) {
    this.#stream = stream;
    this.#now = now;
    this.#shownAt = now();
  }

  /**
   * Shows it, unless something has been shown just before.
   *
   * @param share 0 to 1; null: not known, and no bar is drawn
   * @param describe called only if it is shown
   */
  show(share: number | null, describe: () => string): void {
    const at = this.#now();
    const terminal = this.#stream.isTTY === true;
    if (at - this.#shownAt < (terminal ? DRAW_MS : LINE_MS)) return;
    this.#shownAt = at;
    if (!terminal) {
      this.#stream.write(`${describe()}\n`);
      return;
    }
    // The rest of the line is erased: what stood there before may have been longer.
    this.#stream.write(`\r${`${bar(share)}${describe()}`.slice(0, (this.#stream.columns ?? 80) - 1)}\x1b[K`);
    this.#drawn = true;
  }

  /** Takes the bar away, for a line that stays. It is drawn again at the next progress. */
  clear(): void {
    if (this.#drawn) this.#stream.write('\r\x1b[K');
    this.#drawn = false;
  }
}

function bar(share: number | null): string {
  if (share === null) return '';
  const filled = Math.round(share * BAR_WIDTH);
  return `[${'#'.repeat(filled)}${'-'.repeat(BAR_WIDTH - filled)}] `;
}
