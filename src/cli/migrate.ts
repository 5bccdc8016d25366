/** `npm run migrate`: brings the tables up to date, for installations that set MIGRATE_ON_START=false. */
import { Command } from 'commander';
import { loadConfig, readEnvironment } from '../config.ts';
import { StartupError } from '../core/errors.ts';
import { createLogger, type Logger } from '../observability/logger.ts';
import { applyMigrations } from '../storage/postgres/migrations/apply.ts';
import { MigrationError } from '../storage/postgres/migrations/migration-error.ts';
import { run } from './run.ts';
import { stopSignal } from './stop-signal.ts';
import { withDatabase } from './with-database.ts';

await run(new Command('migrate').description('Brings the tables of the database up to date.').action(migrate));

async function migrate(): Promise<void> {
  const config = loadConfig(readEnvironment());
  const logger = createLogger({ level: config.LOG_LEVEL, terminal: process.stdout.isTTY === true });
  const signal = stopSignal();
  await withDatabase({ config, logger, create: true }, async (databaseUrl) => {
    const applied = await apply(databaseUrl, logger, signal);
    const result =
      applied.length === 0 ? 'Nothing to do: the tables are up to date.' : `Applied: ${applied.join(', ')}`;
    process.stdout.write(`${result}\n`);
  });
}

async function apply(databaseUrl: string, logger: Logger, signal: AbortSignal): Promise<readonly string[]> {
  try {
    return (await applyMigrations({ databaseUrl }, { logger, signal })).applied;
  } catch (error) {
    if (signal.aborted) throw new StartupError('Interrupted. What was applied stays: run it again for the rest.');
    throw error instanceof MigrationError ? new StartupError(error.message, { cause: error }) : error;
  }
}
