/** Runs the migrations that are pending through Prisma's engine, each in one transaction with its own record. */
import type { Logger } from 'pino';
import { EnginePanic } from './engine-module.ts';
import type { MigrationsFolder } from './folder.ts';
import { readMigrationHistory } from './history.ts';
import { MigrationError, migrationError } from './migration-error.ts';
import { type MigrationList, withSchemaEngine } from './schema-engine.ts';
import type { MigrationSession } from './session.ts';

export interface RunPendingOptions {
  /** Must hold the migration lock. */
  readonly session: MigrationSession;
  readonly schema: string;
  readonly folder: MigrationsFolder;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

/** The engine breaks down once in some thousand times, for no reason that is known: then another one takes up what it has left. */
const ATTEMPTS = 3;

/**
 * Applies every pending migration and returns their names. `_prisma_migrations` is written as by `prisma migrate deploy`.
 *
 * @throws MigrationError that names the migration, PostgreSQL's message and its SQLSTATE
 */
export async function runPendingMigrations(options: RunPendingOptions): Promise<readonly string[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await runPending(options);
    } catch (error) {
      if (!(error instanceof EnginePanic)) throw error;
      if (attempt === ATTEMPTS) throw migrationError('failed', 'apply the migrations', error);
      options.logger.warn({ reason: error.message }, 'the migrations are taken up again with a new engine');
    }
  }
}

async function runPending(options: RunPendingOptions): Promise<readonly string[]> {
  const { session, schema, folder, logger } = options;
  // Read under the lock: whoever held it before may have applied some.
  const history = await readMigrationHistory(session, folder.migrations);
  if (history.pending.length === 0) return [];
  refuseUnknownInterrupted(history.unknownInterrupted);

  let running: string | undefined;
  let fault: unknown;
  const names = new Map(folder.migrations.map((migration) => [migration.script, migration.name]));
  const engineOptions = {
    session,
    schema,
    prepareScript: (script: string) => {
      running = names.get(script);
      return running === undefined ? script : withRecord(script, schema);
    },
    onDatabaseError: (error: unknown) => {
      // The first is the cause; what the engine then fails to write down is not.
      fault ??= error;
    },
  };
  try {
    return await withSchemaEngine(engineOptions, async (engine) => {
      for (const migrationName of history.interrupted) {
        logger.warn({ migration: migrationName }, 'an interrupted migration is taken up again');
        await engine.markMigrationRolledBack({ migrationName });
      }
      const filters = { externalTables: await tablesOfOthers(session, schema), externalEnums: [] };
      const output = await engine.applyMigrations({ migrationsList: migrationList(folder), filters });
      for (const migration of output.appliedMigrationNames) logger.info({ migration }, 'migration applied');
      return output.appliedMigrationNames;
    });
  } catch (error) {
    if (error instanceof EnginePanic) throw error;
    const task = running === undefined ? 'apply the migrations' : `apply the migration ${running}`;
    throw migrationError(session.lost() ? 'unreachable' : 'failed', task, fault ?? error);
  }
}

/**
 * The script followed by the statement that records its end, in one transaction. The engine records it too, but only
 * afterwards: a process killed in between, or while the server still runs the script and then commits it, would leave a
 * migration that has happened and looks as if it had not. There is one unfinished row: the engine has just written it, and
 * begins only where there is none.
 */
function withRecord(script: string, schema: string): string {
  const table = `"${schema.replaceAll('"', '""')}"._prisma_migrations`;
  const record = `UPDATE ${table} SET finished_at = clock_timestamp() WHERE finished_at IS NULL AND rolled_back_at IS NULL`;
  return `${script}\n;\n${record};`;
}

/** The engine refuses to begin while any migration is unfinished, and only the release that knows it can take it up. */
function refuseUnknownInterrupted(names: readonly string[]): void {
  if (names.length === 0) return;
  throw new MigrationError(
    'failed',
    `_prisma_migrations holds an unfinished migration that this release does not know (${names.join(', ')}): ` +
      'start the release that began it; if another application shares the schema, give the gateway one of its own',
  );
}

/** Without this the engine refuses to begin beside tables that it does not know (P3005). */
async function tablesOfOthers(session: MigrationSession, schema: string): Promise<string[]> {
  const rows = await session.rows<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = quote_ident(current_schema())::regnamespace
        AND relkind IN ('r', 'p') AND relname <> '_prisma_migrations'`,
  );
  return rows.map((row) => `${schema}.${row.name}`);
}

/** The folder in the form that the engine reads. */
export function migrationList(folder: MigrationsFolder): MigrationList {
  return {
    baseDir: folder.path,
    lockfile: { path: 'migration_lock.toml', content: folder.lockfile },
    shadowDbInitScript: '',
    migrationDirectories: folder.migrations.map(({ name, script }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: script } },
    })),
  };
}
