/** What the log says about webhooks: a count every ten seconds, and failures, at a rate a person can read. */
import type { Logger } from './logger.ts';

/** Milliseconds between two lines of counts. */
const SUMMARY_INTERVAL = 10_000;
/** Failure lines a second for one source and reason; the rest is counted and told in the next line. */
const FAILURES_A_SECOND = 10;

interface FailureWindow {
  second: number;
  written: number;
  suppressed: number;
}

/**
 * Counts outcomes and writes them as one `info` line every ten seconds in which there were any. Has a timer: `close()` it.
 */
export class TrafficLog {
  readonly #logger: Logger;
  readonly #counts = new Map<string, Record<string, number>>();
  readonly #failures = new Map<string, FailureWindow>();
  readonly #timer: NodeJS.Timeout;

  constructor(logger: Logger) {
    this.#logger = logger;
    this.#timer = setInterval(() => this.#summarise(), SUMMARY_INTERVAL);
    this.#timer.unref();
  }

  count(source: string, outcome: string): void {
    let outcomes = this.#counts.get(source);
    if (outcomes === undefined) {
      outcomes = {};
      this.#counts.set(source, outcomes);
    }
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }

  /** Writes a `warn` line unless there were ten of this source and reason within this second. */
  failure(source: string, reason: string, fields: Record<string, unknown>, message: string): void {
    const second = Math.floor(Date.now() / 1000);
    const key = `${source} ${reason}`;
    const window = this.#failures.get(key) ?? { second, written: 0, suppressed: 0 };
    this.#failures.set(key, window);
    if (window.second !== second) {
      window.second = second;
      window.written = 0;
    }
    if (window.written >= FAILURES_A_SECOND) {
      window.suppressed++;
      return;
    }
    window.written++;
    const suppressed = window.suppressed > 0 ? { suppressed: window.suppressed } : {};
    window.suppressed = 0;
    this.#logger.warn({ source, reason, ...fields, ...suppressed }, message);
  }

  /** Writes what has been counted so far and stops the timer. Idempotent. */
  close(): void {
    clearInterval(this.#timer);
    this.#summarise();
  }

  #summarise(): void {
    if (this.#counts.size > 0)
      this.#logger.info({ webhooks: Object.fromEntries(this.#counts) }, 'webhooks of the last 10 s');
    this.#counts.clear();
    for (const [key, window] of this.#failures) {
      const [source, reason] = key.split(' ');
      if (window.suppressed > 0) {
        this.#logger.warn(
          { source, reason, suppressed: window.suppressed },
          'further failures of this kind were not logged',
        );
      }
    }
    this.#failures.clear();
  }
}
