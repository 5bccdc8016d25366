/** Migrates at start, for as long as it takes: while PostgreSQL is away, locked or not yet set up, the daemon waits. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type ApplyOptions, applyMigrations, type MigrationTarget } from './apply.ts';
import { MigrationError } from './migration-error.ts';

export interface MigrationState {
  readonly phase: 'applying' | 'waiting' | 'done';
  /** True once the tables are as this build needs them; indexes may still be missing. */
  readonly tablesReady: boolean;
  /** Why the last attempt failed, while waiting for the next. */
  readonly reason?: string;
}

/** In milliseconds, doubled with every failure and then shortened by up to half, so that processes do not try in step. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
  /** The most while PostgreSQL is away or another process migrates: it may be ready at any moment. */
  readonly unreachableMaxMs: number;
}

const BACKOFF: Backoff = { firstMs: 500, maxMs: 30_000, unreachableMaxMs: 2_000 };
/** A reason that stays the same is told again this often. */
const REMINDER_MS = 60_000;

export interface MigrateUntilDoneOptions extends Omit<ApplyOptions, 'logger' | 'signal' | 'onTablesReady'> {
  readonly logger: Pick<Logger, 'debug' | 'info' | 'warn'>;
  readonly signal: AbortSignal;
  /** Told of every change. */
  readonly onState?: ((state: MigrationState) => void) | undefined;
  readonly backoff?: Partial<Backoff> | undefined;
}

/**
 * Repeats `applyMigrations` until it succeeds. Resolves then, and also when `signal` aborts: within 5 s at most, usually
 * at once, with nothing left running.
 *
 * @throws StartupError if the installation is incomplete, TypeError if the URL cannot be parsed: no attempt could succeed
 */
export async function migrateUntilDone(target: MigrationTarget, options: MigrateUntilDoneOptions): Promise<void> {
  const { logger, signal, onState } = options;
  const report = reasonReporter(logger);
  let tablesReady = false;
  const onTablesReady = () => {
    tablesReady = true;
    onState?.({ phase: 'applying', tablesReady });
  };
  for (let failures = 0; !signal.aborted; failures += 1) {
    onState?.({ phase: 'applying', tablesReady });
    try {
      const { applied } = await applyMigrations(target, { ...options, onTablesReady });
      if (failures > 0) logger.info({ applied, failures }, 'the database is migrated');
      onState?.({ phase: 'done', tablesReady: true });
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof MigrationError)) throw error;
      const delayMs = delayAfter(error, failures, { ...BACKOFF, ...options.backoff });
      report(error, delayMs);
      onState?.({ phase: 'waiting', tablesReady, reason: error.message });
      await sleep(delayMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

function delayAfter(error: MigrationError, failures: number, backoff: Backoff): number {
  const ceiling = error.kind === 'failed' ? backoff.maxMs : Math.min(backoff.unreachableMaxMs, backoff.maxMs);
  const delay = Math.min(backoff.firstMs * 2 ** Math.min(failures, 20), ceiling);
  return Math.round(delay * (1 - Math.random() / 2));
}

/** Warns of a reason when it is new and once a minute while it lasts; the rest goes to `debug`. */
function reasonReporter(logger: Pick<Logger, 'debug' | 'info' | 'warn'>) {
  let told: string | undefined;
  let toldAt = 0;
  return (error: MigrationError, retryInMs: number): void => {
    const { kind, sqlState, message: reason } = error;
    const fields = { reason, retryInMs, ...(sqlState === undefined ? {} : { sqlState }) };
    const now = performance.now();
    const due = reason !== told || now - toldAt >= REMINDER_MS;
    if (due) {
      told = reason;
      toldAt = now;
    }
    if (!due) logger.debug(fields, 'not migrated yet; trying again');
    else if (kind === 'busy') logger.info(fields, 'waiting for another process to apply the migrations');
    else logger.warn(fields, 'not migrated yet; trying again');
  };
}
