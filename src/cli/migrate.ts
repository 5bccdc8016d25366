/** `npm run migrate`: brings the tables up to date, for installations that set MIGRATE_ON_START=false. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { loadConfig, readEnvironment } from '../config.ts';
import { StartupError } from '../core/errors.ts';
import { createLogger, type Logger } from '../observability/logger.ts';
import { describeEmbeddedPostgres } from '../storage/postgres/embedded/describe-embedded-postgres.ts';
import { startEmbeddedPostgres } from '../storage/postgres/embedded/embedded-postgres.ts';
import { applyMigrations } from '../storage/postgres/migrations/apply.ts';
import { MigrationError } from '../storage/postgres/migrations/migration-error.ts';
import { run } from './run.ts';

await run(new Command('migrate').description('Brings the tables of the database up to date.').action(migrate));

async function migrate(): Promise<void> {
  const config = loadConfig(readEnvironment());
  const logger = createLogger({ level: config.LOG_LEVEL, terminal: process.stdout.isTTY === true });
  const dataDir = resolve(config.DATA_DIR);
  const signal = stopSignal();
  // A daemon that runs on the embedded server keeps running; otherwise the server is ours for the moment.
  const running = config.DATABASE_URL ?? (await describeEmbeddedPostgres({ dataDir })).databaseUrl;
  const embedded = running === undefined ? await startEmbeddedPostgres({ dataDir, logger }) : null;
  try {
    const applied = await apply(running ?? embedded?.databaseUrl ?? '', logger, signal);
    const result =
      applied.length === 0 ? 'Nothing to do: the tables are up to date.' : `Applied: ${applied.join(', ')}`;
    process.stdout.write(`${result}\n`);
  } finally {
    await embedded?.stop();
  }
}

async function apply(databaseUrl: string, logger: Logger, signal: AbortSignal): Promise<readonly string[]> {
  try {
    return (await applyMigrations({ databaseUrl }, { logger, signal })).applied;
  } catch (error) {
    if (signal.aborted) throw new StartupError('Interrupted. What was applied stays: run it again for the rest.');
    throw error instanceof MigrationError ? new StartupError(error.message, { cause: error }) : error;
  }
}

/** Ctrl-C ends the migrations and not the process, which has an embedded server to stop first. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => controller.abort());
  return controller.signal;
}
