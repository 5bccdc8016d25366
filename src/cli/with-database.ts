/** The database of a command: that of DATABASE_URL, or the embedded one, whether a daemon runs on it or not. */
import { resolve } from 'node:path';
import type { Config } from '../config.ts';
import { StartupError } from '../core/errors.ts';
import type { Logger } from '../observability/logger.ts';
import { describeEmbeddedPostgres } from '../storage/postgres/embedded/describe-embedded-postgres.ts';
import { startEmbeddedPostgres } from '../storage/postgres/embedded/embedded-postgres.ts';

export interface WithDatabaseOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** May an embedded cluster be made where there is none? */
  readonly create: boolean;
}

/**
 * A daemon that runs on the embedded server keeps running; otherwise the server is ours until `use` has ended, and no daemon
 * can start on its DATA_DIR.
 *
 * @throws StartupError if the embedded server cannot run here, or there is none and none may be made
 */
export async function withDatabase<T>(
  { config, logger, create }: WithDatabaseOptions,
  use: (databaseUrl: string) => Promise<T>,
): Promise<T> {
  if (config.DATABASE_URL !== undefined) return use(config.DATABASE_URL);
  const dataDir = resolve(config.DATA_DIR);
  const { databaseUrl, initialised } = await describeEmbeddedPostgres({ dataDir });
  if (databaseUrl !== undefined) return use(databaseUrl);
  if (!initialised && !create) {
    throw new StartupError(`There is no database in ${dataDir}: set DATA_DIR or DATABASE_URL as the daemon has them.`);
  }
  const embedded = await startEmbeddedPostgres({ dataDir, logger });
  try {
    return await use(embedded.databaseUrl);
  } finally {
    await embedded.stop();
  }
}
