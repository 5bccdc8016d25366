/** What `_prisma_migrations` says about the migrations of this build. Reads only. */
import { hasChecksum, type Migration } from './folder.ts';
import type { MigrationSession } from './session.ts';

export interface MigrationHistory {
  /** Migrations of this build that the database does not have yet, in order. */
  readonly pending: readonly string[];
  /** Those of `pending` that were begun and did not end. They left nothing: each is one transaction. */
  readonly interrupted: readonly string[];
  /** Applied ones that this build does not know: a newer release has been here. Harmless, rolling starts rest on it. */
  readonly unknown: readonly string[];
  /** Begun and not ended ones that this build does not know. */
  readonly unknownInterrupted: readonly string[];
  /** Applied ones whose script has been changed since. */
  readonly edited: readonly string[];
}

interface HistoryRow {
  readonly name: string;
  readonly checksum: string;
  readonly finished: boolean;
}

/** Compares the database's history with `migrations`. A database without `_prisma_migrations` has none of them. */
export async function readMigrationHistory(
  session: MigrationSession,
  migrations: readonly Migration[],
): Promise<MigrationHistory> {
  const rows = await historyRows(session);
  const byName = new Map(migrations.map((migration) => [migration.name, migration]));
  const finished = rows.filter((row) => row.finished);
  const finishedNames = new Set(finished.map((row) => row.name));
  const begun = namesOf(rows.filter((row) => !row.finished && !finishedNames.has(row.name)));
  return {
    pending: [...byName.keys()].filter((name) => !finishedNames.has(name)),
    interrupted: begun.filter((name) => byName.has(name)),
    unknown: namesOf(finished).filter((name) => !byName.has(name)),
    unknownInterrupted: begun.filter((name) => !byName.has(name)),
    edited: namesOf(
      finished.filter((row) => {
        const migration = byName.get(row.name);
        return migration !== undefined && !hasChecksum(migration, row.checksum);
      }),
    ),
  };
}

async function historyRows(session: MigrationSession): Promise<HistoryRow[]> {
  const [table] = await session.rows<{ exists: boolean }>(
    "SELECT to_regclass(quote_ident(current_schema()) || '._prisma_migrations') IS NOT NULL AS exists",
  );
  if (table?.exists !== true) return [];
  return session.rows<HistoryRow>(
    `SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS finished
       FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY started_at, migration_name`,
  );
}

function namesOf(rows: readonly HistoryRow[]): string[] {
  return [...new Set(rows.map((row) => row.name))];
}
