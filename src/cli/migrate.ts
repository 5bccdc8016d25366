/** `npm run migrate`: brings the tables up to date, for installations that set MIGRATE_ON_START=false. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { loadConfig, readEnvironment } from '../config.ts';
import { createLogger } from '../observability/logger.ts';
import { describeEmbeddedPostgres } from '../storage/postgres/embedded/describe-embedded-postgres.ts';
import { startEmbeddedPostgres } from '../storage/postgres/embedded/embedded-postgres.ts';
import { applyMigrations } from '../storage/postgres/migrations/apply.ts';
import { run } from './run.ts';

await run(new Command('migrate').description('Brings the tables of the database up to date.').action(migrate));

async function migrate(): Promise<void> {
  const config = loadConfig(readEnvironment());
  const logger = createLogger({ level: config.LOG_LEVEL, terminal: process.stdout.isTTY === true });
  const dataDir = resolve(config.DATA_DIR);
  // A daemon that runs on the embedded server keeps running; otherwise the server is ours for the moment.
  const running = config.DATABASE_URL ?? (await describeEmbeddedPostgres({ dataDir })).databaseUrl;
  const embedded = running === undefined ? await startEmbeddedPostgres({ dataDir, logger }) : null;
  try {
    const databaseUrl = running ?? embedded?.databaseUrl ?? '';
    const { applied } = await applyMigrations({ databaseUrl }, { logger });
    const result =
      applied.length === 0 ? 'Nothing to do: the tables are up to date.' : `Applied: ${applied.join(', ')}`;
    process.stdout.write(`${result}\n`);
  } finally {
    await embedded?.stop();
  }
}
