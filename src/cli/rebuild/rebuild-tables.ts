/** A rebuild as somebody at a terminal follows it. */
import { StartupError } from '../../core/errors.ts';
import type { Rebuild, RebuildScope, RebuildStore } from '../../core/rebuild.ts';
import { projectors } from '../../providers/projectors.ts';
import { runRebuild } from '../../rebuild/run-rebuild.ts';
import { projectorsOf } from '../../rebuild/scope.ts';
import { FailureList } from './failure-list.ts';
import { duration, ProgressDisplay } from './progress-display.ts';
import { count, describeScope, describeUnfinished, events, loss, REFUSALS, surveyTable } from './sentences.ts';
import { surveyTables } from './survey-tables.ts';

export interface RebuildTablesOptions {
  readonly acceptLoss?: true;
  readonly restart?: true;
}

const GO_ON = 'Run it again with the same arguments to go on.';

/** @throws StartupError if it may not begin */
export async function rebuildTables(
  store: RebuildStore,
  scope: RebuildScope,
  options: RebuildTablesOptions,
  signal: AbortSignal,
): Promise<void> {
  await refuseLoss(store, scope, options, signal);
  if (signal.aborted) return;
  const beginning = await store.begin(scope, { restart: options.restart === true });
  if ('unfinished' in beginning) {
    const { outcome, unfinished } = beginning;
    const what = describeUnfinished(unfinished, projectors);
    throw new StartupError(REFUSALS[outcome](what, unfinished.leaseMs));
  }
  const { rebuild, outcome } = beginning;
  if (outcome === 'resumed') {
    say(
      `Going on with the rebuild of ${describeUnfinished(rebuild.state, projectors)}; --restart would begin it anew.`,
    );
  } else {
    const what = describeScope(rebuild.state.tables, scope.from, projectors);
    say(scope.from === null ? `Rebuilding ${what}: the tables are emptied and filled again.` : `Rebuilding ${what}.`);
  }
  await follow(rebuild, scope, options, signal);
}

/** Once rows of removed events are gone from the tables, nobody can bring them back. */
async function refuseLoss(
  store: RebuildStore,
  scope: RebuildScope,
  { acceptLoss, restart }: RebuildTablesOptions,
  signal: AbortSignal,
): Promise<void> {
  const removed = await store.eventsRemoved();
  if (removed === 0) return;
  // What an unfinished one has emptied is lost already. Whether it is the same one is seen when it is to begin.
  const lost = restart !== true && (await store.unfinished())?.emptied === true;
  if (scope.from !== null || acceptLoss === true || lost) {
    say(`Retention has removed ${events(removed)} for good; those that are left are applied.`);
    return;
  }
  const found = await surveyTables(store, scope, signal);
  if (found === null) return;
  const lines = [loss(removed), ...surveyTable(found.survey, scope), 'Add --accept-loss to rebuild all the same.'];
  throw new StartupError(lines.join('\n'));
}

async function follow(
  rebuild: Rebuild,
  scope: RebuildScope,
  { acceptLoss }: RebuildTablesOptions,
  signal: AbortSignal,
): Promise<void> {
  const failures = new FailureList();
  const display = new ProgressDisplay(process.stderr);
  const startedAt = performance.now();
  let read = 0;
  let failed = 0;
  const tell = (line: string) => {
    display.clear();
    process.stderr.write(`${line}\n`);
  };
  const end = await runRebuild(rebuild, {
    projectors: projectorsOf(scope, projectors),
    acceptLoss: acceptLoss === true,
    signal,
    listener: {
      onProgress({ eventsRead, eventsTotal, eventsFailed }) {
        read = eventsRead;
        failed = eventsFailed;
        display.show({ read, total: eventsTotal });
      },
      onFailed: (failure) => failures.add(failure),
      onWaiting: (reason, inUse) =>
        tell(
          inUse ? 'Other sessions use the tables (a long query, a dump?): trying again.' : `${reason}: trying again.`,
        ),
      onGoingOn: () => tell('It goes on.'),
    },
  }).finally(() => display.clear());
  if (end.outcome === 'stopped') {
    const incomplete = scope.from === null ? ' Until it has finished, the tables may be incomplete.' : '';
    say(`Stopped after ${events(read)}. ${GO_ON}${incomplete}`);
    return;
  }
  const seconds = Math.max(0.001, (performance.now() - startedAt) / 1000);
  const rate = count(Math.round((read - rebuild.state.eventsRead) / seconds));
  say(`Finished: ${events(read)} in ${duration(seconds)} (${rate} a second).`);
  if (end.unparked > 0) say(`${events(end.unparked)} that dispatch had given up on are tried again.`);
  if (failed === 0) return;
  say(`${events(failed)} could not be projected. Dispatch tries them again, and parks those that fail for good:`);
  for (const line of failures.lines()) say(line);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
