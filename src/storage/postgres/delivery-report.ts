/** What became of attempts: recorded, with what follows for the deliveries, their subjects and their destinations. */
import type pg from 'pg';
import { hasFailedFor, healthAfter, isProbeOnly } from '../../core/circuit.ts';
import type { AttemptReport } from '../../core/delivery.ts';
import type { PausedDestination } from '../../core/own-event.ts';
import { recordAttempts } from './delivery-attempts.ts';
import { type Finish, finishDeliveries, moveUp, sendFinishes, wakeSuccessors } from './delivery-outcomes.ts';
import {
  type DestinationCondition,
  lockConditions,
  mayPause,
  pauseDestinations,
  writeConditions,
} from './destination-condition.ts';
import type { Send } from './transaction-pool.ts';

/** One transaction's share. Returns the destinations that it paused. */
export async function reportAttempts(
  client: pg.ClientBase,
  send: Send,
  reports: readonly AttemptReport[],
  disableAfterMs: number,
): Promise<readonly PausedDestination[]> {
  // In this order: deliveries are locked behind the states of their destinations.
  const [{ conditions, now }, recorded] = await Promise.all([
    lockConditions(client, send, reports),
    recordAttempts(client, reports),
  ]);
  if (conditions.size === 0) {
    sendFinishes(
      send,
      reports.filter(({ id }) => recorded.has(id)),
    );
    return [];
  }
  const before = new Map(conditions);
  const finishes: Finish[] = [];
  for (const report of reports) {
    // Recorded before, by a commit that got no answer; or there is no such delivery any longer.
    if (!recorded.has(report.id)) continue;
    const { destinationHealthy: healthy, probe, retryAfterMs } = report;
    const outcome = { healthy, probe, retryAfterMs };
    const condition = conditions.get(report.destinationId);
    finishes.push({ report, counts: condition === undefined || !isProbeOnly(condition, outcome) });
    if (condition === undefined) continue;
    conditions.set(report.destinationId, {
      ...condition,
      ...healthAfter(condition, outcome, now),
      delivered: condition.delivered || report.failure === null,
      pause: condition.pause ?? report.pause,
    });
  }
  const finished = await finishDeliveries(client, finishes);
  await writeConditions(client, conditions);
  await wakeSuccessors(
    client,
    finished.filter(({ destinationId }) => conditions.get(destinationId)?.ordered),
  );
  await moveUp(client, closedCircuits(before, conditions));
  // Only these have their row of `destinations` locked.
  const failed = new Set(reports.filter(mayPause).map(({ destinationId }) => destinationId));
  const givenUp = pauses(conditions, disableAfterMs, now).filter(({ destinationId }) => failed.has(destinationId));
  return pauseDestinations(client, givenUp);
}

type Conditions = ReadonlyMap<string, DestinationCondition>;

/** With the time since which they had failed. */
function closedCircuits(before: Conditions, after: Conditions) {
  return [...before].flatMap(([destinationId, { circuitOpen, failingSince }]) =>
    circuitOpen && after.get(destinationId)?.circuitOpen === false ? [{ destinationId, failingSince }] : [],
  );
}

function pauses(conditions: Conditions, disableAfterMs: number, now: Date) {
  return [...conditions].flatMap(([destinationId, condition]) => {
    const { failingSince } = condition;
    if (condition.pause !== null) return [{ destinationId, reason: condition.pause, failingSince }];
    if (!hasFailedFor(condition, disableAfterMs, now)) return [];
    const reason = `it has failed since ${failingSince?.toISOString()} without a single success`;
    return [{ destinationId, reason, failingSince }];
  });
}
