/** One attempt to bring the tables up to date, and the look at what is missing. */
import type { Logger } from 'pino';
import { MIGRATIONS_FOLDER, type MigrationsFolder, readMigrationsFolder } from './folder.ts';
import {
  buildFollowUpIndex,
  FOLLOW_UP_INDEXES,
  type FollowUpIndex,
  missingFollowUpIndexes,
} from './follow-up-steps.ts';
import { type MigrationHistory, readMigrationHistory } from './history.ts';
import { migrationError } from './migration-error.ts';
import { runPendingMigrations } from './run-pending.ts';
import { ensureSchema } from './schema.ts';
import { type LockOptions, type MigrationSession, openMigrationSession, takeMigrationLock } from './session.ts';

export interface MigrationTarget {
  readonly databaseUrl: string;
}

export interface ApplyOptions {
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  /** Cuts the connection and makes the attempt reject at once. A script that the server has begun is finished there. */
  readonly signal?: AbortSignal | undefined;
  /** Called when every table is as this build needs it, before the indexes that take long are built. */
  readonly onTablesReady?: (() => void) | undefined;
  /** How long to wait for another process that is applying migrations. Default: 10,000. */
  readonly lockWaitMs?: number | undefined;
  /** Default: `prisma/migrations` of this package. */
  readonly folder?: string | undefined;
  /** Default: `FOLLOW_UP_INDEXES`. */
  readonly followUpIndexes?: readonly FollowUpIndex[] | undefined;
}

/**
 * Applies what is pending, then builds the indexes that are missing. Several processes may do so at once: one applies,
 * the others wait and find it done. A migration that was interrupted is taken up again. A database that has everything is
 * only read, so that a restart also works with a role that may not create tables.
 *
 * @throws MigrationError whose message names the migration, PostgreSQL's message and its SQLSTATE
 * @throws StartupError if the installation is incomplete
 * @throws TypeError if the URL cannot be parsed
 */
export async function applyMigrations(
  target: MigrationTarget,
  options: ApplyOptions,
): Promise<{ readonly applied: readonly string[] }> {
  const folder = await readMigrationsFolder(options.folder ?? MIGRATIONS_FOLDER);
  return withSession(target, 'apply the migrations', options.signal, async (session) => {
    const applied = await applyPending(session, target, folder, options);
    options.onTablesReady?.();
    await buildMissingIndexes(session, options);
    return { applied };
  });
}

/** What the database's history says about this build's migrations. Reads only; throws as `applyMigrations` does. */
export async function migrationHistory(
  target: MigrationTarget,
  options: { readonly folder?: string | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<MigrationHistory> {
  const { migrations } = await readMigrationsFolder(options.folder ?? MIGRATIONS_FOLDER);
  return withSession(target, 'read the history of migrations', options.signal, (session) =>
    readMigrationHistory(session, migrations),
  );
}

/**
 * Names of the migrations that the database still needs, in order; all of them for an empty database, none for one that a
 * newer release has migrated. Reads only; throws as `applyMigrations` does.
 */
export async function pendingMigrations(
  target: MigrationTarget,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<readonly string[]> {
  return (await migrationHistory(target, options)).pending;
}

async function withSession<T>(
  target: MigrationTarget,
  task: string,
  signal: AbortSignal | undefined,
  use: (session: MigrationSession) => Promise<T>,
): Promise<T> {
  const session = await openMigrationSession(target.databaseUrl, signal);
  try {
    return await use(session);
  } catch (error) {
    throw migrationError(session.lost() ? 'unreachable' : 'failed', task, error);
  } finally {
    await session.close();
  }
}

async function applyPending(
  session: MigrationSession,
  target: MigrationTarget,
  folder: MigrationsFolder,
  options: ApplyOptions,
): Promise<readonly string[]> {
  const { logger } = options;
  const before = await readMigrationHistory(session, folder.migrations);
  for (const migration of before.edited) {
    logger.warn({ migration }, 'a migration was changed after it had been applied: the tables may not be as expected');
  }
  if (before.unknown.length > 0) {
    logger.info({ migrations: before.unknown }, 'the database has migrations of a newer release');
  }
  if (before.pending.length === 0) return [];
  await takeMigrationLock(session, lockOptions(options));
  const schema = await ensureSchema(session, target.databaseUrl);
  return runPendingMigrations({ session, schema, folder, logger });
}

async function buildMissingIndexes(session: MigrationSession, options: ApplyOptions): Promise<void> {
  const indexes = options.followUpIndexes ?? FOLLOW_UP_INDEXES;
  if ((await missingFollowUpIndexes(session, indexes)).length === 0) return;
  await takeMigrationLock(session, lockOptions(options));
  // Asked again: the process that held the lock may have built them.
  for (const index of await missingFollowUpIndexes(session, indexes)) {
    await buildFollowUpIndex(session, index, options.logger);
  }
}

function lockOptions({ lockWaitMs = 10_000, signal }: ApplyOptions): LockOptions {
  return { lockWaitMs, signal };
}
