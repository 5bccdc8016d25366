/** How far a rebuild has come: a bar that is drawn over itself on a terminal, elsewhere a line every ten seconds. */

/** Milliseconds between two drawings, and between two lines. */
const DRAW_MS = 100;
const LINE_MS = 10_000;
const BAR_WIDTH = 24;

export interface DisplayedProgress {
  readonly read: number;
  /** Null: not known. */
  readonly total: number | null;
}

/** Standard error, so that the result can be read by a program. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export class ProgressDisplay {
  readonly #stream: ProgressStream;
  readonly #now: () => number;
  #begin: { readonly at: number; readonly read: number } | null = null;
  #shownAt: number;
  #drawn = false;

  /** @param now milliseconds, of a clock that is never set */
  constructor(stream: ProgressStream, now: () => number = () => performance.now()) {
    this.#stream = stream;
    this.#now = now;
    this.#shownAt = now();
  }

  show(progress: DisplayedProgress): void {
    const at = this.#now();
    this.#begin ??= { at, read: progress.read };
    const terminal = this.#stream.isTTY === true;
    if (at - this.#shownAt < (terminal ? DRAW_MS : LINE_MS)) return;
    this.#shownAt = at;
    const read = progress.read - this.#begin.read;
    const text = describe(progress, read / Math.max(0.001, (at - this.#begin.at) / 1000));
    if (!terminal) {
      this.#stream.write(`${text}\n`);
      return;
    }
    // The rest of the line is erased: what stood there before may have been longer.
    this.#stream.write(`\r${`${bar(progress)}${text}`.slice(0, (this.#stream.columns ?? 80) - 1)}\x1b[K`);
    this.#drawn = true;
  }

  /** Takes the bar away, for a line that stays. It is drawn again at the next progress. */
  clear(): void {
    if (this.#drawn) this.#stream.write('\r\x1b[K');
    this.#drawn = false;
  }
}

/** @param rate events a second */
function describe({ read, total }: DisplayedProgress, rate: number): string {
  const speed = `${Math.round(rate).toLocaleString('en')} events/s`;
  if (total === null) return `${read.toLocaleString('en')} events, ${speed}`;
  const left = rate > 0 ? `, ${duration(Math.max(0, total - read) / rate)} left` : '';
  return `${Math.floor(share({ read, total }) * 100)} %, ${read.toLocaleString('en')} of ${total.toLocaleString('en')} events, ${speed}${left}`;
}

function bar({ read, total }: DisplayedProgress): string {
  if (total === null) return '';
  const filled = Math.round(share({ read, total }) * BAR_WIDTH);
  return `[${'#'.repeat(filled)}${'-'.repeat(BAR_WIDTH - filled)}] `;
}

/** Events may be removed, or come, meanwhile: the total is what it was at the beginning. */
function share({ read, total }: { readonly read: number; readonly total: number }): number {
  return total === 0 ? 1 : Math.min(1, read / total);
}

export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
