/** Watches whether PostgreSQL could take a webhook now: on request for `/ready`, and every few seconds for everyone else. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DependencyState, ReadinessCheck } from '../../core/health.ts';
import type { PrismaClient } from '../../generated/prisma/client.ts';
import { toStoreError } from './store-error.ts';

const INTERVAL_MS = 5_000;
/** Milliseconds for which somebody who asks waits. A load balancer gives up after a second, and would take the node away. */
const PATIENCE_MS = 300;

const NO_ANSWER: ReadinessCheck = { ok: false, detail: `PostgreSQL has not answered for ${PATIENCE_MS} ms` };

type Queries = Pick<PrismaClient, '$queryRaw'>;

/** Has a timer: `close()` it. */
export class DatabaseMonitor {
  readonly #prisma: Queries;
  #state: DependencyState = 'unknown';
  #check: Promise<ReadinessCheck> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(prisma: Queries) {
    this.#prisma = prisma;
  }

  /** The outcome of the last look; touches nothing. */
  get state(): DependencyState {
    return this.#state;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.check(), INTERVAL_MS);
    void this.check();
  }

  /** Looks now, and waits 300 ms at most. Those who ask while a look is under way share it. Never rejects. */
  async check(): Promise<ReadinessCheck> {
    this.#check ??= this.#look().finally(() => {
      this.#check = undefined;
    });
    const enough = new AbortController();
    const noAnswer = sleep(PATIENCE_MS, NO_ANSWER, { signal: enough.signal }).catch(() => NO_ANSWER);
    return Promise.race([this.#check, noAnswer]).finally(() => enough.abort());
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<ReadinessCheck> {
    const result = await this.#probe();
    this.#state = result.ok ? 'up' : 'down';
    return result;
  }

  /** `SELECT 1` would also succeed on a standby, which takes no rows. */
  async #probe(): Promise<ReadinessCheck> {
    try {
      const [row] = await this.#prisma.$queryRaw<{ read_only: boolean }[]>`
        SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS read_only`;
      return row?.read_only === true ? { ok: false, detail: 'PostgreSQL is read-only' } : { ok: true };
    } catch (error) {
      return { ok: false, detail: toStoreError(error).message };
    }
  }
}
