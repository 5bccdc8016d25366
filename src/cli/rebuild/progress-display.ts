/** How far a rebuild has come, how fast it is and how long it will still take. */
import { ProgressLine, type ProgressStream } from '../progress-line.ts';

export interface DisplayedProgress {
  readonly read: number;
  /** Null: not known. */
  readonly total: number | null;
}

export class ProgressDisplay {
  readonly #line: ProgressLine;
  readonly #now: () => number;
  #begin: { readonly at: number; readonly read: number } | null = null;

  /** @param now milliseconds, of a clock that is never set */
  constructor(stream: ProgressStream, now: () => number = () => performance.now()) {
    this.#line = new ProgressLine(stream, now);
    this.#now = now;
  }

  show(progress: DisplayedProgress): void {
    const at = this.#now();
    this.#begin ??= { at, read: progress.read };
    const { at: begunAt, read: begunWith } = this.#begin;
    const { read, total } = progress;
    this.#line.show(total === null ? null : share({ read, total }), () =>
      describe(progress, (read - begunWith) / Math.max(0.001, (at - begunAt) / 1000)),
    );
  }

  /** Takes the bar away, for a line that stays. It is drawn again at the next progress. */
  clear(): void {
    this.#line.clear();
  }
}

/** @param rate events a second */
function describe({ read, total }: DisplayedProgress, rate: number): string {
  const speed = `${Math.round(rate).toLocaleString('en')} events/s`;
  if (total === null) return `${read.toLocaleString('en')} events, ${speed}`;
  const left = rate > 0 ? `, ${duration(Math.max(0, total - read) / rate)} left` : '';
  return `${Math.floor(share({ read, total }) * 100)} %, ${read.toLocaleString('en')} of ${total.toLocaleString('en')} events, ${speed}${left}`;
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
