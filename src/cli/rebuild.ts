/** `npm run rebuild`: makes projections again from the events that are stored, beside a daemon or without one. */
import { Command } from 'commander';
import { loadConfig, readEnvironment } from '../config.ts';
import { BatchError } from '../core/dispatch.ts';
import { StartupError, StoreError } from '../core/errors.ts';
import type { RebuildScope, RebuildStore } from '../core/rebuild.ts';
import { createLogger } from '../observability/logger.ts';
import { projectors } from '../providers/projectors.ts';
import { scopeOf, UnknownProjection } from '../rebuild/scope.ts';
import { createRebuildStore } from '../storage/postgres/rebuild-store.ts';
import { fromTime } from './from-time.ts';
import { refusePendingMigrations } from './pending-migrations.ts';
import { type RebuildTablesOptions, rebuildTables } from './rebuild/rebuild-tables.ts';
import { dryRun } from './rebuild/survey-tables.ts';
import { run } from './run.ts';
import { stopSignal } from './stop-signal.ts';
import { UsageError } from './usage-error.ts';
import { withDatabase } from './with-database.ts';

interface RebuildFlags extends RebuildTablesOptions {
  readonly projection: readonly string[];
  readonly from?: Date;
  readonly dryRun?: true;
}

const EXAMPLES = `
Examples:
  npm run rebuild                                          everything: empties the tables, and fills them again
  npm run rebuild -- --projection stripe --dry-run         what that would do to the tables of Stripe
  npm run rebuild -- --projection whatsapp_messages --from 2026-11-20    applies events since then again, empties nothing

Exit code: 0 when it is finished, also if events failed (they are named); 130 or 143 after Ctrl-C or SIGTERM; 2 if it was typed wrongly;
else 1.
Stopped or killed, it goes on where it was when it is run again.`;

/** By SQLSTATE. */
const ADVICE: Readonly<Record<string, string>> = {
  '42501': ': the role must be allowed to TRUNCATE the tables, best as their owner',
  '55P03': ': somebody has locked the tables, `npm run erase` perhaps',
  '57014': ': it waited too long, for `npm run erase` perhaps',
};

const command = new Command('rebuild')
  .description('Makes projections again from the stored events. The daemon may run meanwhile.')
  .option('--projection <name>', 'a table of a projection, or a provider; may be repeated (default: all)', append, [])
  .option('--from <time>', 'only apply events received since then, to what is there', fromTime)
  .option('--dry-run', 'change nothing: say what would happen')
  .option('--accept-loss', 'also if rows vanish because retention has removed their events')
  .option('--restart', 'begin anew, in place of going on with an unfinished rebuild')
  .addHelpText('after', EXAMPLES)
  .action(rebuild);

await run(command);

async function rebuild(flags: RebuildFlags): Promise<void> {
  const scope = scopeFor(flags);
  const config = loadConfig(readEnvironment());
  const terminal = process.stderr.isTTY === true;
  const logger = createLogger({ level: config.LOG_LEVEL, terminal, destination: process.stderr });
  const signal = stopSignal();
  await withDatabase({ config, logger, create: false }, async (databaseUrl) => {
    await refusePendingMigrations(databaseUrl, signal);
    const store = createRebuildStore(databaseUrl);
    try {
      await inWords(store, scope, flags, signal);
    } finally {
      await store.close();
    }
  });
}

async function inWords(store: RebuildStore, scope: RebuildScope, flags: RebuildFlags, signal: AbortSignal) {
  try {
    await (flags.dryRun === true ? dryRun(store, scope, signal) : rebuildTables(store, scope, flags, signal));
    if (signal.aborted) process.exitCode = signal.reason === 'SIGTERM' ? 143 : 130;
  } catch (error) {
    const cause = error instanceof BatchError ? error.cause : error;
    if (!(cause instanceof StoreError)) throw error;
    const advice = ADVICE[cause.sqlState ?? ''] ?? '';
    const done = flags.dryRun === true ? '' : ' What is done so far stays; run it again to go on.';
    throw new StartupError(`${cause.message}${advice}.${done}`);
  }
}

function scopeFor({ projection, from }: RebuildFlags): RebuildScope {
  try {
    return scopeOf(projection, from ?? null, projectors);
  } catch (error) {
    throw error instanceof UnknownProjection ? new UsageError(`--projection: ${error.message}`) : error;
  }
}

function append(name: string, names: readonly string[]): readonly string[] {
  return [...names, name];
}
