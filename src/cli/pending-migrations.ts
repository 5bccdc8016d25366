/** Commands that need the tables of this build say so, and do not migrate by themselves. */
import { StartupError } from '../core/errors.ts';
import { pendingMigrations } from '../storage/postgres/migrations/apply.ts';
import { MigrationError } from '../storage/postgres/migrations/migration-error.ts';

/** @throws StartupError if there are any, or the database cannot be asked */
export async function refusePendingMigrations(databaseUrl: string, signal: AbortSignal): Promise<void> {
  let pending: readonly string[];
  try {
    pending = await pendingMigrations({ databaseUrl }, { signal });
  } catch (error) {
    throw error instanceof MigrationError ? new StartupError(error.message, { cause: error }) : error;
  }
  if (pending.length === 0) return;
  throw new StartupError(
    `The tables are not up to date (${pending.join(', ')}): run \`npm run migrate\`, or start the daemon once.`,
  );
}
