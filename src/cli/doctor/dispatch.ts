/** What is left to dispatch: events that wait for too long, and such as nobody tries any longer. */
import { readDispatchCounts } from '../../storage/postgres/dispatch-counts.ts';
import type { SharedPrisma } from '../../storage/postgres/prisma.ts';
import { type Finding, ok, warning } from './finding.ts';

/** An event waits for milliseconds; after a stop or an outage the backlog may take a while. */
const LONG_SECONDS = 60;
const TRY_AGAIN = `UPDATE event_dispatch SET attempts = 0, next_attempt_at = NULL WHERE next_attempt_at = 'infinity'`;

export async function checkDispatch(prisma: SharedPrisma['prisma']): Promise<Finding[]> {
  const { oldest, parked } = await readDispatchCounts(prisma);
  return [
    oldest === null ? ok('every event is dispatched') : waiting(oldest),
    ...checkParked(parked),
    ...(await checkRebuild(prisma)),
  ];
}

/** Tables that a rebuild has emptied, and not filled again. */
async function checkRebuild(prisma: SharedPrisma['prisma']): Promise<Finding[]> {
  const unfinished = await prisma.projectionRebuild.findFirst({ where: { finishedAt: null } });
  if (unfinished === null) return [];
  const { startedAt, eventsRead, eventsTotal, emptiedAt, leaseUntil } = unfinished;
  const read = `${eventsRead} of ${eventsTotal ?? 'an unknown number of'} events`;
  const incomplete = emptiedAt === null ? '' : ': until then its tables are incomplete';
  const text = `a rebuild of projections, begun at ${startedAt.toISOString()}, is not finished (${read})${incomplete}`;
  const advice = 'Run it again with the same arguments: it goes on where it was. projection_rebuilds has its tables.';
  return [leaseUntil > new Date() ? ok(`${text}; a process is at work on it`) : warning(text, advice)];
}

function waiting(oldest: Date): Finding {
  const seconds = Math.max(0, Math.round((Date.now() - oldest.getTime()) / 1000));
  const text = `the oldest event that is not dispatched has waited for ${seconds} s`;
  if (seconds < LONG_SECONDS) return ok(text);
  return warning(text, 'See that a process with ROLE all or worker runs; its log says why events are not dispatched.');
}

function checkParked(parked: number): Finding[] {
  if (parked === 0) return [];
  const text = `${parked} ${parked === 1 ? 'event is' : 'events are'} parked: their projection failed again and again`;
  return [warning(text, `event_dispatch.error says why. Once that is repaired, try them again: ${TRY_AGAIN}`)];
}
