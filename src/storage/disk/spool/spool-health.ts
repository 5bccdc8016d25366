/** Whether the spool could take a request now, as far as its last append tells. */
import type { Logger } from 'pino';
import type { SpoolError } from '../../../core/errors.ts';
import type { ReadinessCheck } from '../../../core/health.ts';

/** A disk on the edge fails and recovers many times a second: it is spoken of this often at most, in milliseconds. */
const QUIET_MS = 10_000;

interface Failure {
  readonly error: SpoolError;
  /** True when the cause has gone; absent where only another try can tell. */
  readonly over: (() => boolean) | undefined;
}

export class SpoolHealth {
  readonly #logger: Pick<Logger, 'info' | 'warn'>;
  #failure: Failure | undefined;
  #toldAt = Number.NEGATIVE_INFINITY;
  #told = false;

  constructor(logger: Pick<Logger, 'info' | 'warn'>) {
    this.#logger = logger;
  }

  /** True if another try is needed to know more. */
  get needsTry(): boolean {
    return this.#failure !== undefined && this.#failure.over === undefined;
  }

  fail(error: SpoolError, over?: () => boolean): void {
    const before = this.#failure?.error.fault;
    this.#failure = { error, over };
    if (this.#told ? before === error.fault : performance.now() - this.#toldAt < QUIET_MS) return;
    this.#told = true;
    this.#toldAt = performance.now();
    this.#logger.warn({ err: error, fault: error.fault }, 'the spool cannot take requests');
  }

  succeed(): void {
    this.#failure = undefined;
    if (!this.#told) return;
    this.#told = false;
    this.#logger.info('the spool takes requests again');
  }

  check(): ReadinessCheck {
    if (this.#failure?.over?.() === true) this.succeed();
    return this.#failure === undefined ? { ok: true } : { ok: false, detail: this.#failure.error.message };
  }
}
