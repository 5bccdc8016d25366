/** What attempts make of the rows of `deliveries`. */
import type pg from 'pg';
import type { AttemptReport } from '../../core/delivery.ts';
import { booleanArray, textArray, timestamptzArray, uuidArray } from './binary-arrays.ts';
import { keepLastProbe } from './delivery-attempts.ts';
import type { Send } from './transaction-pool.ts';

export interface Finish {
  readonly report: AttemptReport;
  /** False for the failed probe of a destination that is down: the delivery stays as it was before. */
  readonly counts: boolean;
}

/**
 * Only where the lease is still the reporter's; but what has arrived is delivered, whoever holds it by now, and whatever has
 * become of it.
 */
const FINISH = `
UPDATE deliveries d
   SET state = CASE WHEN r.counts THEN r.state ELSE 'pending' END,
       attempts = CASE WHEN r.counts THEN GREATEST(d.attempts, r.number) ELSE d.attempts END,
       next_attempt_at = CASE WHEN r.counts AND r.state = 'pending' THEN now() + r.in_ms * interval '1 millisecond'
                              ELSE d.next_attempt_at END,
       finished_at = CASE WHEN r.counts AND r.state <> 'pending' THEN now() END,
       lease_owner = NULL, lease_until = NULL, last_status = r.status, last_failure = r.failure
  FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::float8[], $6::int[], $7::text[], $8::bool[])
    AS r(id, owner, number, state, in_ms, status, failure, counts)
 WHERE d.id = r.id AND ((d.state = 'sending' AND d.lease_owner = r.owner AND d.attempts = r.number - 1)
                     OR (d.state <> 'delivered' AND r.state = 'delivered'))
RETURNING d.destination_id, CASE WHEN d.state <> 'pending' AND d.replay_id IS NULL THEN d.subject END`;

/** A delivery that is done with, and may have others of its subject behind it. */
export interface Finished {
  readonly destinationId: string;
  readonly subject: string;
}

export async function finishDeliveries(client: pg.ClientBase, finishes: readonly Finish[]): Promise<Finished[]> {
  const finished: Finished[] = [];
  for (const round of roundsOf(finishes)) finished.push(...(await finishRound(client, round)));
  await keepLastProbe(
    client,
    finishes.filter(({ counts }) => !counts).map(({ report }) => report),
  );
  return finished;
}

/** One statement changes a row once: two attempts of one delivery, the one with a lost lease, take two. */
function roundsOf(finishes: readonly Finish[]): Finish[][] {
  const rounds: Map<string, Finish>[] = [];
  for (const finish of finishes) {
    const { deliveryId } = finish.report;
    const free = rounds.find((round) => !round.has(deliveryId));
    if (free === undefined) rounds.push(new Map([[deliveryId, finish]]));
    else free.set(deliveryId, finish);
  }
  return rounds.map((round) => [...round.values()]);
}

async function finishRound(client: pg.ClientBase, finishes: readonly Finish[]): Promise<Finished[]> {
  const query = { ...finishStatement(finishes), rowMode: 'array' as const };
  const { rows } = await client.query<[string, string | null]>(query);
  return rows.flatMap(([destinationId, subject]) => (subject === null ? [] : [{ destinationId, subject }]));
}

/** For reports of destinations that are well and have nothing ordered: nothing follows from what becomes of their deliveries. */
export function sendFinishes(send: Send, reports: readonly AttemptReport[]): void {
  for (const round of roundsOf(reports.map((report) => ({ report, counts: true })))) send(finishStatement(round));
}

function finishStatement(finishes: readonly Finish[]): pg.QueryConfig {
  const reports = finishes.map(({ report }) => report);
  const values = [
    uuidArray(reports.map(({ deliveryId }) => deliveryId)),
    uuidArray(reports.map(({ owner }) => owner)),
    reports.map(({ number }) => number),
    textArray(reports.map(({ next }) => next.state)),
    reports.map(({ next }) => (next.state === 'pending' ? next.inMs : null)),
    reports.map(({ answer }) => answer?.status ?? null),
    textArray(reports.map(({ failure }) => failure)),
    booleanArray(finishes.map(({ counts }) => counts)),
  ];
  return { text: FINISH, values };
}

/**
 * The next of each subject is due now: a claim may have set it back (delivery-claim.ts, which also tells why there is a CASE).
 * One that is locked is being cancelled, or made due by an operator.
 */
const WAKE = `
WITH next AS (
  SELECT n.id FROM unnest($1::uuid[], $2::text[]) AS f(destination_id, subject)
   CROSS JOIN LATERAL (
     SELECT id FROM deliveries x
      WHERE x.destination_id = f.destination_id AND x.subject = f.subject
        AND x.state IN ('pending', 'sending') AND x.replay_id IS NULL
      ORDER BY x.id LIMIT 1) AS n
), held AS MATERIALIZED (
  SELECT id FROM deliveries
   WHERE id IN (SELECT id FROM next) AND CASE state WHEN 'pending' THEN attempts = 0 AND next_attempt_at > now() END
     FOR UPDATE SKIP LOCKED
)
UPDATE deliveries SET next_attempt_at = now() WHERE id IN (SELECT id FROM held)`;

/** Of destinations with ordered deliveries, whose states are locked. */
export async function wakeSuccessors(client: pg.ClientBase, finished: readonly Finished[]): Promise<void> {
  if (finished.length === 0) return;
  const values = [
    uuidArray(finished.map(({ destinationId }) => destinationId)),
    textArray(finished.map(({ subject }) => subject)),
  ];
  await client.query({ text: WAKE, values });
}

/**
 * A destination is back, or an operator says so: what failed while it was down need not wait for its time. At most a thousand;
 * the rest keeps it. How fast they are sent is a matter of the destination's rate and concurrency. The minute is for attempts
 * that began before the first failure was known.
 */
export const MOVE_UP = `
WITH waiting AS (
  SELECT w.id FROM unnest($1::uuid[], $2::timestamptz[]) AS c(destination_id, since)
   CROSS JOIN LATERAL (
     SELECT x.id, x.attempts FROM deliveries x
      WHERE x.destination_id = c.destination_id AND x.state = 'pending' AND x.replay_id IS NULL AND x.next_attempt_at > now()
      ORDER BY x.next_attempt_at, x.id LIMIT 1000) AS w
   WHERE EXISTS (SELECT FROM delivery_attempts a WHERE a.delivery_id = w.id AND a.number = w.attempts
                    AND a.started_at >= c.since - interval '1 minute')
), held AS MATERIALIZED (
  SELECT id FROM deliveries WHERE id IN (SELECT id FROM waiting) AND CASE state WHEN 'pending' THEN true END
     FOR UPDATE SKIP LOCKED
)
UPDATE deliveries SET next_attempt_at = now() WHERE id IN (SELECT id FROM held)`;

export interface ClosedCircuit {
  readonly destinationId: string;
  readonly failingSince: Date | null;
}

export async function moveUp(client: pg.ClientBase, closed: readonly ClosedCircuit[]): Promise<void> {
  if (closed.length === 0) return;
  const values = [
    uuidArray(closed.map(({ destinationId }) => destinationId)),
    timestamptzArray(closed.map(({ failingSince }) => failingSince)),
  ];
  await client.query({ text: MOVE_UP, values });
}
