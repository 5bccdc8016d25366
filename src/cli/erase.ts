/** `npm run erase`: removes a person's data, beside a daemon or without one. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { loadConfig, readEnvironment } from '../config.ts';
import { BatchError } from '../core/dispatch.ts';
import { StartupError, StoreError } from '../core/errors.ts';
import type { WebhookProviderName } from '../core/event.ts';
import { type ErasureReport, isUnknown } from '../erasure/report.ts';
import { createLogger, type Logger } from '../observability/logger.ts';
import { createErasureStore } from '../storage/postgres/erasure-store.ts';
import { confirm, refuseWithoutConsent } from './erase/confirm.ts';
import { eraseSources } from './erase/erase-sources.ts';
import { describeConditions, describeReport, describeSpool, UNKNOWN_ID } from './erase/sentences.ts';
import { StepDisplay } from './erase/step-display.ts';
import { waitingFiles } from './erase/waiting-files.ts';
import { refusePendingMigrations } from './pending-migrations.ts';
import { run } from './run.ts';
import { stopSignal } from './stop-signal.ts';
import { UsageError } from './usage-error.ts';
import { withDatabase } from './with-database.ts';

interface EraseFlags {
  readonly subject: string;
  readonly source?: string;
  readonly dryRun?: true;
  readonly yes?: true;
}

const EXAMPLES = `
Examples:
  npm run erase -- --subject 4915112345678 --dry-run       what would go, in numbers
  npm run erase -- --subject US.13491208655302741918       asks for the id once more, and erases
  npm run erase -- --subject 4915112345678 --yes           asks nothing: for scripts

Exit code: 0 when the person is erased; 1 if nothing is known of the id, or if it failed; 2 if it was typed wrongly;
130 or 143 after Ctrl-C or SIGTERM.
Stopped or killed, it goes on when it is run again. docs/erasure.md says what stays.`;

const command = new Command('erase')
  .description('Removes what is stored of a person: payloads, bytes and projections. The daemon may run meanwhile.')
  .requiredOption('--subject <id>', 'a user id or a phone number (wa_id) of the person', notEmpty)
  .option('--source <name>', 'only in this source (default: all sources of WhatsApp)')
  .option('--dry-run', 'change nothing: say what would go')
  .option('--yes', 'do not ask; required without a terminal')
  .addHelpText('after', EXAMPLES)
  .action(erase);

await run(command);

async function erase(flags: EraseFlags): Promise<void> {
  const dryRun = flags.dryRun === true;
  const asks = !dryRun && flags.yes !== true;
  if (asks) refuseWithoutConsent(process.stdin);
  const config = loadConfig(readEnvironment());
  const terminal = process.stderr.isTTY === true;
  const logger = createLogger({ level: config.LOG_LEVEL, terminal, destination: process.stderr });
  const signal = stopSignal();
  await withDatabase({ config, logger, create: false }, async (databaseUrl) => {
    await refusePendingMigrations(databaseUrl, signal);
    if (asks) await confirm(flags.subject, process.stdin, process.stderr, signal);
    const store = createErasureStore(databaseUrl);
    const display = new StepDisplay(process.stderr);
    try {
      const { subject, source } = flags;
      const onStep = (step: string) => display.show(step);
      const reports = await eraseSources({ store, subject, source, dryRun, onStep, signal });
      display.clear();
      tell(reports, dryRun, logger);
    } catch (error) {
      display.clear();
      throw inWords(error, signal);
    } finally {
      await store.close();
    }
  });
  if (signal.aborted) return;
  process.stderr.write(describeSpool(waitingFiles(resolve(config.DATA_DIR))));
}

function tell(
  reports: ReadonlyMap<WebhookProviderName, readonly ErasureReport[]>,
  dryRun: boolean,
  logger: Logger,
): void {
  const all = [...reports.values()].flat();
  if (all.every(isUnknown)) throw new StartupError(UNKNOWN_ID);
  for (const report of all) process.stdout.write(describeReport(report, dryRun));
  process.stdout.write(describeConditions(all));
  if (dryRun) return;
  // For whoever has to show later that it was done: when and how much, and not who.
  const sum = (of: (report: ErasureReport) => number) => all.reduce((total, report) => total + of(report), 0);
  const counts = {
    sources: all.map(({ source }) => source),
    events: sum(({ events }) => events.erased + events.rewritten),
    requests: sum(({ requests }) => requests.erased + requests.rewritten),
    rows: sum(({ tables }) => tables.reduce((rows, { erased }) => rows + erased, 0)),
  };
  logger.info(counts, 'a person was erased');
}

function inWords(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) {
    process.exitCode = signal.reason === 'SIGTERM' ? 143 : 130;
    return new StartupError('Stopped, and not finished: run it again with the same id.');
  }
  const cause = error instanceof BatchError ? error.cause : error;
  if (!(cause instanceof StoreError)) return error;
  return new StartupError(`${cause.message}. Not finished: run it again with the same id.`);
}

function notEmpty(value: string): string {
  if (value.trim() === '') throw new UsageError('--subject: an id is needed.');
  return value.trim();
}
