/** Are the tables as this build needs them? Migrates at start, or looks until somebody else has migrated; and again if they vanish. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReadinessCheck } from '../../core/health.ts';
import type { Logger } from '../../observability/logger.ts';
import { pendingMigrations } from './migrations/apply.ts';
import { migrateUntilDone } from './migrations/migrate-until-done.ts';

/** Milliseconds between two looks at the history of migrations, where others apply them. */
const LOOK_INTERVAL = 2_000;
/** Milliseconds within which missing tables are not complained of again. */
const REOPEN_INTERVAL = 5_000;

export interface SchemaGateOptions {
  readonly databaseUrl: string;
  /** False: somebody runs the migrations by hand; here they are only looked for. */
  readonly migrate: boolean;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export class SchemaGate {
  readonly #options: SchemaGateOptions;
  #state: ReadinessCheck = { ok: false, detail: 'the migrations are being applied' };
  #openedAt = Number.NEGATIVE_INFINITY;
  #work: Promise<void> | undefined;
  #endAttempt: () => void = () => undefined;
  /** Resolves when the first attempt has ended, well or not. */
  readonly attempted: Promise<void>;

  constructor(options: SchemaGateOptions) {
    this.#options = options;
    this.attempted = new Promise((resolve) => {
      this.#endAttempt = resolve;
    });
  }

  check(): ReadinessCheck {
    return this.#state;
  }

  /**
   * Works until the tables are ready. Resolves then, and also when the signal aborts; never rejects. While it works,
   * further calls join it.
   */
  open(): Promise<void> {
    this.#openedAt = performance.now();
    this.#work ??= this.#run().finally(() => {
      this.#work = undefined;
    });
    return this.#work;
  }

  /** Resolves when nothing is under way any longer. */
  async idle(): Promise<void> {
    await this.#work;
  }

  /** A query found a table or column missing that was there: the database was dropped, replaced or restored. */
  tablesMissing(): void {
    const { logger, signal } = this.#options;
    if (this.#work !== undefined || signal.aborted || performance.now() - this.#openedAt < REOPEN_INTERVAL) return;
    this.#state = { ok: false, detail: 'tables are missing' };
    logger.warn('tables of the gateway are missing: looking at the migrations again');
    void this.open();
  }

  async #run(): Promise<void> {
    const { logger, migrate } = this.#options;
    try {
      await (migrate ? this.#migrate() : this.#look());
    } catch (error) {
      logger.error({ err: error }, 'the migrations cannot be applied');
      this.#report({ ok: false, detail: `the migrations cannot be applied: ${(error as Error).message}` });
    } finally {
      this.#endAttempt();
    }
  }

  #report(state: ReadinessCheck): void {
    this.#state = state;
    this.#endAttempt();
  }

  async #migrate(): Promise<void> {
    const { databaseUrl, logger, signal } = this.#options;
    const onState = ({ tablesReady, reason }: { tablesReady: boolean; reason?: string }) => {
      if (tablesReady) this.#report({ ok: true });
      else if (reason !== undefined) this.#report({ ok: false, detail: `not migrated yet: ${reason}` });
    };
    await migrateUntilDone({ databaseUrl }, { logger, signal, onState });
  }

  async #look(): Promise<void> {
    const { databaseUrl, logger, signal } = this.#options;
    for (let looks = 0; !signal.aborted; looks++) {
      const state = await lookOnce(databaseUrl, signal);
      if (state.ok && looks > 0) logger.info('the tables are up to date');
      if (!state.ok && state.detail !== this.#state.detail)
        logger.warn(`PostgreSQL takes no webhooks: ${state.detail}`);
      this.#report(state);
      if (state.ok) return;
      await sleep(LOOK_INTERVAL, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function lookOnce(databaseUrl: string, signal: AbortSignal): Promise<ReadinessCheck> {
  try {
    const pending = await pendingMigrations({ databaseUrl }, { signal });
    if (pending.length === 0) return { ok: true };
    const detail = `migrations are pending (${pending.join(', ')}): run \`npm run migrate\``;
    return { ok: false, detail, needsOperator: true };
  } catch (error) {
    return { ok: false, detail: `the migrations cannot be looked at: ${(error as Error).message}` };
  }
}
