/** Are the tables as this build needs them? Migrates at start, or looks until somebody else has migrated. */
import type { ReadinessCheck } from '../../core/health.ts';
import type { Logger } from '../../observability/logger.ts';
import { pendingMigrations } from './migrations/apply.ts';
import { migrateUntilDone } from './migrations/migrate-until-done.ts';

/** Milliseconds between two looks at the history of migrations, where others apply them. */
const LOOK_INTERVAL = 2_000;

export interface SchemaGateOptions {
  readonly databaseUrl: string;
  /** False: somebody runs the migrations by hand; here they are only looked for. */
  readonly migrate: boolean;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export interface SchemaGate {
  check(): ReadinessCheck;
  /** Resolves when the first attempt has ended, well or not. */
  readonly attempted: Promise<void>;
  /** Resolves when the tables are ready, and also when the signal aborts. Never rejects. */
  readonly done: Promise<void>;
}

export function openSchemaGate(options: SchemaGateOptions): SchemaGate {
  let state: ReadinessCheck = { ok: false, detail: 'the migrations are being applied' };
  let endAttempt = (): void => undefined;
  const attempted = new Promise<void>((resolve) => {
    endAttempt = resolve;
  });
  const report = (next: ReadinessCheck): void => {
    state = next;
    endAttempt();
  };
  const work = options.migrate ? migrate(options, report) : look(options, report);
  const done = work.catch((error: Error) => {
    options.logger.error({ err: error }, 'the migrations cannot be applied');
    report({ ok: false, detail: `the migrations cannot be applied: ${error.message}` });
  });
  return { check: () => state, attempted, done: done.finally(endAttempt) };
}

function migrate({ databaseUrl, logger, signal }: SchemaGateOptions, report: (state: ReadinessCheck) => void) {
  return migrateUntilDone(
    { databaseUrl },
    {
      logger,
      signal,
      onState({ tablesReady, reason }) {
        if (tablesReady) report({ ok: true });
        else if (reason !== undefined) report({ ok: false, detail: `not migrated yet: ${reason}` });
      },
    },
  );
}

async function look(
  { databaseUrl, signal }: SchemaGateOptions,
  report: (state: ReadinessCheck) => void,
): Promise<void> {
  while (!signal.aborted) {
    const state = await lookOnce(databaseUrl, signal);
    report(state);
    if (state.ok) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LOOK_INTERVAL);
      signal.addEventListener('abort', () => resolve(clearTimeout(timer)), { once: true });
    });
  }
}

async function lookOnce(databaseUrl: string, signal: AbortSignal): Promise<ReadinessCheck> {
  try {
    const pending = await pendingMigrations({ databaseUrl }, { signal });
    if (pending.length === 0) return { ok: true };
    return { ok: false, detail: `migrations are pending (${pending.join(', ')}): run \`npm run migrate\`` };
  } catch (error) {
    return { ok: false, detail: `the migrations cannot be looked at: ${(error as Error).message}` };
  }
}
