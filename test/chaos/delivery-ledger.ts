/** What receivers got against what PostgreSQL says is owed and has been delivered. */
import type { Query } from '../support/undispatched.ts';
import type { Receipt } from './receiving-process.ts';

/** A row of `deliveries`. */
export interface DeliveryRow {
  readonly id: string;
  readonly eventId: string;
  /** Name of its destination, which is the path of its URL too. */
  readonly destination: string;
  readonly state: string;
  /** Its attempts that were answered 200, from their start to the answer, in milliseconds since 1970. */
  readonly answers: readonly (readonly [from: number, to: number])[];
}

export interface DeliveryBooks {
  /** Of all events. */
  readonly eventIds: readonly string[];
  /** Names of all destinations. */
  readonly destinations: readonly string[];
  readonly rows: readonly DeliveryRow[];
}

export async function readBooks(query: Query): Promise<DeliveryBooks> {
  const events = await query('SELECT id FROM events');
  const destinations = await query('SELECT name FROM destinations');
  const rows = await query(`
    SELECT d.id, d.event_id AS "eventId", t.name AS destination, d.state, COALESCE(a.answers, '{}') AS answers
      FROM deliveries d JOIN destinations t ON t.id = d.destination_id
      LEFT JOIN (SELECT delivery_id, array_agg(ARRAY[ms, ms + duration_ms] ORDER BY ms) AS answers
                   FROM (SELECT *, extract(epoch FROM started_at)::float8 * 1000 AS ms FROM delivery_attempts) AS one
                  WHERE status = 200 GROUP BY delivery_id) AS a ON a.delivery_id = d.id`);
  return { eventIds: events.map(({ id }) => id), destinations: destinations.map(({ name }) => name), rows };
}

/** Every list must be empty. Deliveries are named by event and destination. */
export interface DeliveryDifferences {
  /** An event that a destination is not owed. */
  readonly unowed: readonly string[];
  readonly owedTwice: readonly string[];
  /** In another state than `delivered`. */
  readonly undelivered: readonly string[];
  /** Owed, and never seen by the receiver. */
  readonly neverArrived: readonly string[];
  /** Came under a webhook-id of which there is no delivery. */
  readonly unknown: readonly string[];
  /** Came again with another body. */
  readonly otherBody: readonly string[];
  /** Came again although an answer to it was recorded, or for no reason that the test knows of; with the times of all that. */
  readonly needless: readonly string[];
}

export interface Repeats {
  /** Requests that receivers got. */
  readonly receipts: number;
  /** Those of them beyond the first of each webhook-id. */
  readonly repeated: number;
}

const nameOf = (eventId: string, destination: string) => `${eventId} ${destination}`;

export interface Expectations {
  /** May the answer to this one have been lost? */
  readonly explains: (receipt: Receipt) => boolean;
  /** Is this event owed to this destination? */
  readonly owes: (eventId: string, destination: string) => boolean;
}

export function compareDeliveries(
  { eventIds, destinations, rows }: DeliveryBooks,
  receipts: readonly Receipt[],
  { explains, owes }: Expectations,
): DeliveryDifferences & Repeats {
  const owed = grouped(rows, ({ eventId, destination }) => nameOf(eventId, destination));
  const arrived = grouped(receipts, ({ webhookId }) => webhookId);
  const known = new Set(rows.map(({ id, eventId, destination }) => `msg_${id} ${nameOf(eventId, destination)}`));
  const receiptsOf = ({ id }: DeliveryRow) => arrived.get(`msg_${id}`) ?? [];
  const names = (found: readonly DeliveryRow[]) =>
    found.map(({ eventId, destination }) => nameOf(eventId, destination));
  return {
    unowed: destinations
      .flatMap((name) => eventIds.filter((id) => owes(id, name)).map((id) => nameOf(id, name)))
      .filter((name) => !owed.has(name)),
    owedTwice: [...owed].filter(([, twins]) => twins.length > 1).map(([name]) => name),
    undelivered: names(rows.filter(({ state }) => state !== 'delivered')),
    neverArrived: names(rows.filter((row) => receiptsOf(row).length === 0)),
    unknown: receipts
      .map(({ webhookId, eventId, path }) => `${webhookId} ${nameOf(eventId, path.slice(1))}`)
      .filter((name) => !known.has(name)),
    otherBody: names(rows.filter((row) => new Set(receiptsOf(row).map(({ sha256 }) => sha256)).size > 1)),
    needless: rows
      .filter((row) => {
        const unanswered = receiptsOf(row).filter((receipt) => !isRecorded(row, receipt));
        return receiptsOf(row).length - unanswered.length > 1 || !unanswered.every(explains);
      })
      .map((row) => `${nameOf(row.eventId, row.destination)}: ${timesOf(row, receiptsOf(row))}`),
    receipts: receipts.length,
    repeated: receipts.length - arrived.size,
  };
}

/**
 * Milliseconds by which a request may seem to lie beside its attempt: on a busy machine much can happen between two looks at
 * the clock. Two requests that are further apart than that are told apart; two that are closer count both as answered.
 */
const SLACK = 1_000;

function timesOf({ answers }: DeliveryRow, receipts: readonly Receipt[]): string {
  const spans = answers.map(([from, to]) => `${from} to ${to}`);
  return `came at ${receipts.map(({ at }) => at).join(', ')}; answered from ${spans.join(', ')}`;
}

function isRecorded({ answers }: DeliveryRow, { at }: Receipt): boolean {
  return answers.some(([from, to]) => at >= from - SLACK && at <= to + SLACK);
}

function grouped<T>(values: readonly T[], keyOf: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const group = groups.get(keyOf(value));
    if (group === undefined) groups.set(keyOf(value), [value]);
    else group.push(value);
  }
  return groups;
}
