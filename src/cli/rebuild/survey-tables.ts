/** What a rebuild would do, without doing it: for `--dry-run`, and where rows would vanish. */
import type { RebuildScope, RebuildStore, RebuildSurvey } from '../../core/rebuild.ts';
import { projectors } from '../../providers/projectors.ts';
import { projectorsOf } from '../../rebuild/scope.ts';
import { touchedKeys } from '../../rebuild/touched-keys.ts';
import { FailureList } from './failure-list.ts';
import { ProgressDisplay } from './progress-display.ts';
import { events, loss, surveyTable } from './sentences.ts';

/** Prints the result; nothing if it was stopped. */
export async function dryRun(store: RebuildStore, scope: RebuildScope, signal: AbortSignal): Promise<void> {
  const found = await surveyTables(store, scope, signal);
  if (found === null) return;
  const { survey, failures } = found;
  const removed = await store.eventsRemoved();
  const lines = [
    'Nothing is changed. With these arguments a rebuild',
    `- ${scope.from === null ? 'empties these tables and ' : ''}applies ${events(survey.events)} to them:`,
    ...surveyTable(survey, scope),
    `- finds ${events(survey.failed)} that cannot be projected${survey.failed > 0 ? ':' : '.'}`,
    ...failures.lines(),
    ...(removed > 0 && scope.from === null ? [`- is refused without --accept-loss. ${loss(removed)}`] : []),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Null if it was stopped. */
export async function surveyTables(
  store: RebuildStore,
  scope: RebuildScope,
  signal: AbortSignal,
): Promise<{ readonly survey: RebuildSurvey; readonly failures: FailureList } | null> {
  const narrowed = projectorsOf(scope, projectors);
  const failures = new FailureList();
  const display = new ProgressDisplay(process.stderr);
  const survey = await store.survey(scope, {
    touch: (batch) => touchedKeys(batch, narrowed),
    onProgress: (read) => display.show({ read, total: null }),
    onFailed: (failure) => failures.add(failure),
    signal,
  });
  display.clear();
  return survey === null ? null : { survey, failures };
}
