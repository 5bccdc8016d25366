/**
 * Leases what is due: the statements of a claim, one after the other in one transaction.
 *
 * Whoever leases deliveries of a destination holds its row of `destination_state` until the commit. The statement after the
 * lock sees all that earlier holders have done, so concurrency, rate and circuit hold over all processes. A destination whose
 * row somebody else holds is left out for now. Rows of `deliveries` are taken with SKIP LOCKED too: a claim waits for nobody.
 */
import type pg from 'pg';
import type { ClaimOptions } from '../../core/delivery.ts';
import type { ProviderName } from '../../core/event.ts';
import { uuidArray } from './binary-arrays.ts';
import { FIRST_DUE, leases, TOKENS } from './delivery-capacity.ts';
import type { DestinationRow } from './destination-row.ts';
import type { Send } from './transaction-pool.ts';

/** Destinations of one claim: those beyond it are left to others, and come first the next time. */
const MAX_DESTINATIONS = 20;
/** Deliveries that are looked at for each destination that has them ordered. */
const MAX_ORDERED = 500;

const LIVE = `state = 'pending' AND replay_id IS NULL`;
const REPLAY = `state = 'pending' AND replay_id IS NOT NULL`;
const EXPIRED = `state = 'sending' AND lease_until <= now()`;
/**
 * Of rows that are known by their ids: still one of these? As a CASE, so that no partial index seems to fit. Where hardly
 * anything was unfinished when the table was last analyzed, the planner would read all that is unfinished along one, and not
 * look up a few ids.
 */
const STILL_LIVE = `CASE WHEN replay_id IS NULL AND state = 'pending' THEN next_attempt_at <= now() END`;
const STILL_DUE = `CASE state WHEN 'pending' THEN next_attempt_at <= now() WHEN 'sending' THEN lease_until <= now() END`;
/** `w` is not the first of its subject that is unfinished. Without a subject nothing has anything before it. */
const HAS_PREDECESSOR = `COALESCE((
  SELECT p.id FROM deliveries p WHERE p.destination_id = w.destination_id AND p.subject = w.subject
     AND p.state IN ('pending', 'sending') AND p.replay_id IS NULL
   ORDER BY p.id LIMIT 1) < w.id, false)`;

/**
 * Whoever has a rate is sent its tokens' worth when they are there and not later, and a probe is one. Of a worker that leases ahead
 * no more are under way than others' leases leave; so what these others may have under way by their own last claim stays true.
 */
const ahead = (counts: string) =>
  `CASE WHEN d.rate_per_second IS NULL AND NOT s.circuit_open THEN COALESCE((${counts}::jsonb ->> d.id::text)::int, 0) ELSE 0 END`;

/** Those that may be sent something now, in the order of their turns, with their state locked. */
export const TURNS = `
SELECT d.*
  FROM destination_state s JOIN destinations d ON d.id = s.destination_id
  CROSS JOIN ${leases('$2')} AS l
 WHERE d.state = 'active' AND (NOT s.circuit_open OR s.next_probe_at <= now()) AND ${TOKENS} >= 1
   AND (${FIRST_DUE.live} <= now() OR ${FIRST_DUE.replay} <= now() OR ${FIRST_DUE.lease} <= now())
   AND l.others < d.concurrency AND l.own + l.others < d.concurrency + ${ahead('$3')}
 ORDER BY s.claimed_at, s.destination_id LIMIT $1
   FOR UPDATE OF s SKIP LOCKED`;

/**
 * What is due but has one before it in its subject goes out of the way, or each claim would have to look past all of a subject
 * whose first is down. Whoever finishes that one makes the next due at once (delivery-report.ts) under the lock that is held
 * here; the five minutes are for what nobody foresaw.
 */
const SET_BACK = `
WITH blocked AS (
  SELECT w.id
    FROM unnest($1::uuid[]) AS turn(destination_id)
    CROSS JOIN LATERAL (
      SELECT id, destination_id, subject, attempts FROM deliveries
       WHERE destination_id = turn.destination_id AND ${LIVE} AND next_attempt_at <= now()
       ORDER BY next_attempt_at, id LIMIT ${MAX_ORDERED}) AS w
   WHERE w.attempts = 0 AND ${HAS_PREDECESSOR}
), held AS MATERIALIZED (
  SELECT id FROM deliveries WHERE id IN (SELECT id FROM blocked) AND ${STILL_LIVE} FOR UPDATE SKIP LOCKED
)
UPDATE deliveries SET next_attempt_at = now() + interval '5 minutes' WHERE id IN (SELECT id FROM held)`;

/**
 * Of each destination what it may be sent, counted anew now that its state is locked: leases that ran out first, then live deliveries, then replays; and of all that an
 * equal share of each, as far as the limit goes.
 */
export const LEASE = `
WITH turn AS MATERIALIZED (
  SELECT s.destination_id, s.claimed_at, s.circuit_open AS probe, d.ordering = 'subject' AS ordered, d.timeout_ms,
         CASE WHEN l.others >= d.concurrency THEN 0
              ELSE GREATEST(0, LEAST(d.concurrency + ${ahead('$5')} - l.own - l.others, ${TOKENS}, CASE WHEN s.circuit_open THEN 1 END, $2::int))
         END::float8 AS capacity,
         (d.concurrency - l.others)::int AS places
    FROM destination_state s JOIN destinations d ON d.id = s.destination_id
    CROSS JOIN ${leases('$3')} AS l
   WHERE s.destination_id = ANY ($1::uuid[])
), due AS MATERIALIZED (
  SELECT turn.*, x.id, row_number() OVER (PARTITION BY turn.destination_id ORDER BY x.kind, x.due_at, x.id) AS place
    FROM turn CROSS JOIN LATERAL (
      (SELECT id, 0 AS kind, lease_until AS due_at FROM deliveries
        WHERE destination_id = turn.destination_id AND ${EXPIRED}
        ORDER BY lease_until LIMIT floor(turn.capacity)::int)
      UNION ALL
      (SELECT id, 1, next_attempt_at FROM deliveries
        WHERE NOT turn.ordered AND destination_id = turn.destination_id AND ${LIVE} AND next_attempt_at <= now()
        ORDER BY next_attempt_at, id LIMIT floor(turn.capacity)::int)
      UNION ALL
      (SELECT w.id, 1, w.next_attempt_at
         FROM (SELECT id, destination_id, subject, next_attempt_at FROM deliveries
                WHERE turn.ordered AND destination_id = turn.destination_id AND ${LIVE} AND next_attempt_at <= now()
                ORDER BY next_attempt_at, id LIMIT ${MAX_ORDERED}) AS w
        WHERE NOT ${HAS_PREDECESSOR}
        ORDER BY w.next_attempt_at, w.id LIMIT floor(turn.capacity)::int)
      UNION ALL
      (SELECT id, 2, next_attempt_at FROM deliveries
        WHERE destination_id = turn.destination_id AND ${REPLAY} AND next_attempt_at <= now()
        ORDER BY next_attempt_at, id LIMIT floor(turn.capacity)::int)
    ) AS x
), picked AS MATERIALIZED (
  SELECT * FROM due WHERE place <= floor(capacity) ORDER BY place, claimed_at, destination_id LIMIT $2::int
), held AS MATERIALIZED (
  SELECT picked.* FROM picked JOIN deliveries ON deliveries.id = picked.id WHERE ${STILL_DUE} FOR UPDATE OF deliveries SKIP LOCKED
)
UPDATE deliveries AS l
   SET state = 'sending', lease_owner = $3, lease_until = now() + (held.timeout_ms + $4::float8) * interval '1 millisecond'
  FROM held
 WHERE l.id = held.id
RETURNING l.id, l.destination_id, l.event_id, l.request_id, l.source, l.provider, l.received_at, l.attempts,
          l.replay_id IS NOT NULL AS replay, held.probe, held.place::int, held.places`;

/** While a probe is under way nobody sends another. */
const TAKE_TURNS = `
UPDATE destination_state s
   SET claimed_at = clock_timestamp(),
       tokens = CASE WHEN d.rate_per_second IS NULL THEN s.tokens ELSE ${TOKENS} - t.leased END,
       tokens_at = CASE WHEN d.rate_per_second IS NULL THEN s.tokens_at ELSE GREATEST(s.tokens_at, now()) END,
       next_probe_at = CASE WHEN s.circuit_open AND t.leased > 0
                            THEN now() + (d.timeout_ms + $3::float8) * interval '1 millisecond' ELSE s.next_probe_at END
  FROM unnest($1::uuid[], $2::int[]) AS t(destination_id, leased) JOIN destinations d ON d.id = t.destination_id
 WHERE s.destination_id = t.destination_id`;

export interface LeasedRow {
  readonly id: string;
  readonly destination_id: string;
  readonly event_id: string | null;
  readonly request_id: string;
  readonly source: string;
  readonly provider: ProviderName;
  readonly received_at: Date;
  readonly attempts: number;
  readonly replay: boolean;
  readonly probe: boolean;
  readonly place: number;
  readonly places: number;
}

/** Destinations whose turn it is. Their states stay locked until the end of the transaction. */
export interface Turns {
  readonly destinations: ReadonlyMap<string, DestinationRow>;
}

export async function lockTurns(client: pg.ClientBase, { owner, limit, ahead: counts }: ClaimOptions): Promise<Turns> {
  const values = [Math.min(limit, MAX_DESTINATIONS), owner, asJson(counts)];
  const { rows } = await client.query<DestinationRow>({ text: TURNS, values });
  const ordered = rows.filter(({ ordering }) => ordering === 'subject').map(({ id }) => id);
  if (ordered.length > 0) await client.query({ text: SET_BACK, values: [uuidArray(ordered)] });
  return { destinations: new Map(rows.map((row) => [row.id, row])) };
}

/** In the order in which they are due to be sent. */
export async function lease(client: pg.ClientBase, turns: Turns, options: ClaimOptions): Promise<LeasedRow[]> {
  const values = [
    uuidArray([...turns.destinations.keys()]),
    options.limit,
    options.owner,
    options.leaseMs,
    asJson(options.ahead),
  ];
  const { rows } = await client.query<LeasedRow>({ text: LEASE, values });
  return rows.sort((a, b) => a.place - b.place || (a.id < b.id ? -1 : 1));
}

function asJson(counts: ClaimOptions['ahead']): string {
  return JSON.stringify(Object.fromEntries(counts));
}

/** @param leased those that are kept */
export function takeTurns(send: Send, { destinations }: Turns, leased: readonly LeasedRow[], leaseMs: number): void {
  const counts = new Map<string, number>();
  for (const { destination_id: id } of leased) counts.set(id, (counts.get(id) ?? 0) + 1);
  const ids = [...destinations.keys()];
  const values = [uuidArray(ids), ids.map((id) => counts.get(id) ?? 0), leaseMs];
  send({ text: TAKE_TURNS, values });
}
