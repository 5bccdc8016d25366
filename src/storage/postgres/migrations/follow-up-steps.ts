/** What is done after the migrations because it cannot run inside a transaction: indexes on tables that are in use. */
import type { Logger } from 'pino';
import { migrationError } from './migration-error.ts';
import type { MigrationSession } from './session.ts';

/** An index that is built without stopping writers. */
export interface FollowUpIndex {
  readonly name: string;
  /** The rest of the statement, trusted SQL: `ON events (subject) WHERE subject IS NOT NULL`. */
  readonly definition: string;
  readonly unique?: boolean;
}

/** In order of age. One stays in the list for good: every database is held against it at every start. */
export const FOLLOW_UP_INDEXES: readonly FollowUpIndex[] = [];

/** Building an index on hundreds of millions of rows may take hours. */
const BUILD_TIMEOUT_MS = 12 * 60 * 60_000;

/** The steps that the database still needs, in order. Reads only. */
export async function missingFollowUpIndexes(
  session: MigrationSession,
  indexes: readonly FollowUpIndex[],
): Promise<readonly FollowUpIndex[]> {
  if (indexes.length === 0) return [];
  const valid = await session.rows<{ name: string }>(
    `SELECT relname AS name FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid
      WHERE indisvalid AND relnamespace = quote_ident(current_schema())::regnamespace`,
  );
  const names = new Set(valid.map((row) => row.name));
  return indexes.filter((index) => !names.has(index.name));
}

/**
 * Builds one index. A build that was cut short leaves an index that costs writes and serves no query, and
 * `IF NOT EXISTS` is content with it: so it is dropped first. Needs the migration lock: an unfinished index of a build that
 * still runs in another process looks the same.
 *
 * @throws MigrationError that names the index
 */
export async function buildFollowUpIndex(
  session: MigrationSession,
  index: FollowUpIndex,
  logger: Pick<Logger, 'info'>,
): Promise<void> {
  const name = `"${index.name.replaceAll('"', '""')}"`;
  const kind = index.unique === true ? 'UNIQUE INDEX' : 'INDEX';
  logger.info({ index: index.name }, 'building an index; webhooks are taken meanwhile');
  const startedAt = performance.now();
  try {
    // It waits for every transaction that is older than itself, and holds up nobody while it does.
    await session.rows("SELECT set_config('lock_timeout', '0', false)");
    await session.rows(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`, [], BUILD_TIMEOUT_MS);
    const create = `CREATE ${kind} CONCURRENTLY IF NOT EXISTS ${name} ${index.definition}`;
    await session.rows(create, [], BUILD_TIMEOUT_MS);
  } catch (error) {
    throw migrationError('failed', `build the index ${index.name}`, error);
  }
  logger.info({ index: index.name, durationMs: Math.round(performance.now() - startedAt) }, 'index built');
}
