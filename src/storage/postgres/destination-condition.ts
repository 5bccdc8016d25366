/** Rows of `destination_state` as reports change them, and the pause that follows where a destination is given up. */
import type pg from 'pg';
import type { Health } from '../../core/circuit.ts';
import type { AttemptReport } from '../../core/delivery.ts';
import { autoPaused, type PausedDestination } from '../../core/own-event.ts';
import { booleanArray, textArray, timestamptzArray, uuidArray } from './binary-arrays.ts';
import { writeOwnEvents } from './own-events.ts';
import type { Send } from './transaction-pool.ts';

export interface DestinationCondition extends Health {
  /** Deliveries of a subject come one after the other. */
  readonly ordered: boolean;
  /** Something arrived there in this transaction. */
  readonly delivered: boolean;
  /** Why it is to be paused at once; null: it is not. */
  readonly pause: string | null;
}

/** Before their states, in the order of all who lock both: a report may pause them. */
const LOCK_DESTINATIONS = 'SELECT FROM destinations WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE';

/**
 * Of a healthy destination the row stays untouched, but for the time of its last success every ten seconds: claims leave out
 * a destination whose row is locked. With ordered deliveries the lock keeps claims from setting back what is woken here.
 */
const LOCK_STATES = `
SELECT s.destination_id, s.failures, s.failing_since, s.circuit_open, s.next_probe_at, d.ordering = 'subject' AS ordered,
       now() AS now
  FROM destination_state s JOIN destinations d ON d.id = s.destination_id
 WHERE s.destination_id = ANY ($1::uuid[])
    OR (s.destination_id = ANY ($2::uuid[])
        AND (s.failures > 0 OR s.circuit_open OR d.ordering = 'subject' OR s.delivered_at IS NULL
             OR s.delivered_at < now() - interval '10 seconds'))
 ORDER BY s.destination_id FOR UPDATE OF s`;

const WRITE = `
UPDATE destination_state s
   SET failures = c.failures, failing_since = c.failing_since, circuit_open = c.circuit_open, next_probe_at = c.next_probe_at,
       delivered_at = CASE WHEN c.delivered THEN now() ELSE s.delivered_at END
  FROM unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::bool[], $5::timestamptz[], $6::bool[])
    AS c(destination_id, failures, failing_since, circuit_open, next_probe_at, delivered)
 WHERE s.destination_id = c.destination_id`;

/** Returns those that it paused: who finds one paused tells nobody of it. */
const PAUSE = `
UPDATE destinations d SET state = 'auto_paused', pause_reason = p.reason, updated_at = now()
  FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS p(destination_id, reason, failing_since)
 WHERE d.id = p.destination_id AND d.state = 'active'
RETURNING d.id, d.name, p.reason, p.failing_since AS "failingSince", d.updated_at AS at`;

interface ConditionRow {
  readonly destination_id: string;
  readonly failures: number;
  readonly failing_since: Date | null;
  readonly circuit_open: boolean;
  readonly next_probe_at: Date | null;
  readonly ordered: boolean;
  readonly now: Date;
}

export interface LockedConditions {
  /** Of those whose row changes with these reports, or may. */
  readonly conditions: Map<string, DestinationCondition>;
  /** The server's time, the same for all processes. */
  readonly now: Date;
}

/** Can it have the destination paused? */
export function mayPause({ destinationHealthy, pause }: AttemptReport): boolean {
  return destinationHealthy === false || pause !== null;
}

export async function lockConditions(
  client: pg.ClientBase,
  send: Send,
  reports: readonly AttemptReport[],
): Promise<LockedConditions> {
  const failed = idsOf(reports.filter(mayPause));
  if (failed.length > 0) send({ text: LOCK_DESTINATIONS, values: [uuidArray(failed)] });
  const changed = idsOf(reports.filter((report) => report.probe || mayPause(report)));
  const values = [uuidArray(changed), uuidArray(idsOf(reports))];
  const { rows } = await client.query<ConditionRow>({ text: LOCK_STATES, values });
  const conditions = new Map(rows.map((row) => [row.destination_id, toCondition(row)]));
  return { conditions, now: rows[0]?.now ?? new Date(0) };
}

export async function writeConditions(
  client: pg.ClientBase,
  conditions: ReadonlyMap<string, DestinationCondition>,
): Promise<void> {
  if (conditions.size === 0) return;
  const rows = [...conditions.values()];
  const values = [
    uuidArray([...conditions.keys()]),
    rows.map(({ failures }) => failures),
    timestamptzArray(rows.map(({ failingSince }) => failingSince)),
    booleanArray(rows.map(({ circuitOpen }) => circuitOpen)),
    timestamptzArray(rows.map(({ nextProbeAt }) => nextProbeAt)),
    booleanArray(rows.map(({ delivered }) => delivered)),
  ];
  await client.query({ text: WRITE, values });
}

export interface Pause extends Pick<Health, 'failingSince'> {
  readonly destinationId: string;
  readonly reason: string;
}

/** With an event of each. Their rows are locked. */
export async function pauseDestinations(
  client: pg.ClientBase,
  pauses: readonly Pause[],
): Promise<readonly PausedDestination[]> {
  if (pauses.length === 0) return [];
  const sorted = [...pauses].sort((a, b) => (a.destinationId < b.destinationId ? -1 : 1));
  const values = [
    uuidArray(sorted.map(({ destinationId }) => destinationId)),
    textArray(sorted.map(({ reason }) => reason)),
    timestamptzArray(sorted.map(({ failingSince }) => failingSince)),
  ];
  const { rows } = await client.query<PausedDestination>({ text: PAUSE, values });
  await writeOwnEvents(client, rows.map(autoPaused));
  return rows;
}

function toCondition(row: ConditionRow): DestinationCondition {
  return {
    failures: row.failures,
    failingSince: row.failing_since,
    circuitOpen: row.circuit_open,
    nextProbeAt: row.next_probe_at,
    ordered: row.ordered,
    delivered: false,
    pause: null,
  };
}

function idsOf(reports: readonly AttemptReport[]): string[] {
  return [...new Set(reports.map(({ destinationId }) => destinationId))];
}
