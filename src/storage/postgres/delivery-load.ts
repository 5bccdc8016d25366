/** What is sent: events, requests and destinations of leased deliveries. */
import type pg from 'pg';
import type { DeliveredEvent, DeliveredRequest, LeasedDelivery } from '../../core/delivery.ts';
import type { DeliveryFormat } from '../../core/destination.ts';
import type { SecretBox } from '../../core/secret-box.ts';
import { uuidArray } from './binary-arrays.ts';
import type { LeasedRow, Turns } from './delivery-claim.ts';
import { openDestination } from './destination-row.ts';

/** Bytes of payloads, and of bodies, that one claim brings; the first of each in any case. */
const MAX_BYTES = 16 * 1024 * 1024;

const NEEDS_EVENT: readonly DeliveryFormat[] = ['event', 'native'];
const NEEDS_REQUEST: readonly DeliveryFormat[] = ['native', 'original'];

/**
 * In the order given, with their bytes as far as these stay within the limit; `fits` tells. A large payload is compressed, and
 * only its text tells how much it will be here.
 */
const EVENTS = `
SELECT id, type, dedupe_key, subject, occurred_at, fits, CASE WHEN fits THEN payload::text END AS payload
  FROM (SELECT e.*, position = 1 OR sum(CASE WHEN pg_column_size(e.payload) > 2000 THEN octet_length(e.payload::text)
                                             ELSE COALESCE(pg_column_size(e.payload), 0) END)
                                    OVER (ORDER BY position) <= $2::bigint AS fits
          FROM unnest($1::uuid[]) WITH ORDINALITY AS o(event_id, position) JOIN events e ON e.id = o.event_id) AS e`;

const REQUESTS = `
SELECT id, headers, fits, CASE WHEN fits THEN body END AS body
  FROM (SELECT r.*, position = 1 OR sum(octet_length(r.body)) OVER (ORDER BY position) <= $2::bigint AS fits
          FROM unnest($1::uuid[]) WITH ORDINALITY AS o(request_id, position) JOIN webhook_requests r ON r.id = o.request_id) AS r`;

interface EventRow {
  readonly id: string;
  readonly type: string;
  readonly dedupe_key: string;
  readonly subject: string | null;
  readonly occurred_at: Date | null;
  readonly fits: boolean;
  readonly payload: string | null;
}

interface RequestRow {
  readonly id: string;
  readonly headers: Record<string, string>;
  readonly fits: boolean;
  readonly body: Buffer | null;
}

export interface LoadedDeliveries {
  readonly deliveries: readonly LeasedDelivery[];
  /** Those for which there is no room: to be given back. */
  readonly left: readonly string[];
}

export async function loadDeliveries(
  client: pg.ClientBase,
  turns: Turns,
  leased: readonly LeasedRow[],
  box: Pick<SecretBox, 'open'>,
): Promise<LoadedDeliveries> {
  const destinations = openDestinations(turns, leased, box);
  const formatOf = (row: LeasedRow) => destinations.get(row.destination_id)?.destination.format ?? 'event';
  const ofEvents = leased.filter((row) => NEEDS_EVENT.includes(formatOf(row)));
  const ofRequests = leased.filter((row) => NEEDS_REQUEST.includes(formatOf(row)));
  const eventIds = ofEvents.map(({ event_id }) => event_id);
  const requestIds = ofRequests.map(({ request_id }) => request_id);
  const [events, requests] = await Promise.all([
    load<EventRow>(client, EVENTS, eventIds),
    load<RequestRow>(client, REQUESTS, requestIds),
  ]);

  const deliveries: LeasedDelivery[] = [];
  const left: string[] = [];
  for (const row of leased) {
    const destination = destinations.get(row.destination_id);
    const event = NEEDS_EVENT.includes(formatOf(row)) ? events.get(row.event_id ?? '') : undefined;
    const request = NEEDS_REQUEST.includes(formatOf(row)) ? requests.get(row.request_id) : undefined;
    if (destination === undefined || event?.fits === false || request?.fits === false) {
      left.push(row.id);
      continue;
    }
    deliveries.push({
      id: row.id,
      ...destination,
      source: row.source,
      provider: row.provider,
      receivedAt: row.received_at,
      event: event === undefined ? null : toEvent(event),
      request: request === undefined ? null : toRequest(request),
      attempts: row.attempts,
      replay: row.replay,
      probe: row.probe,
      places: row.places,
    });
  }
  return { deliveries, left };
}

function openDestinations({ destinations }: Turns, leased: readonly LeasedRow[], box: Pick<SecretBox, 'open'>) {
  const ids = [...new Set(leased.map(({ destination_id }) => destination_id))];
  return new Map(
    ids.flatMap((id) => {
      const row = destinations.get(id);
      return row === undefined ? [] : [[id, openDestination(row, box)] as const];
    }),
  );
}

/** Each once, however many deliveries need it: a body of 3 MB may hold a thousand events. */
async function load<Row extends { readonly id: string }>(
  client: pg.ClientBase,
  text: string,
  ids: readonly (string | null)[],
): Promise<Map<string, Row>> {
  const distinct = [...new Set(ids.filter((id) => id !== null))];
  if (distinct.length === 0) return new Map();
  const { rows } = await client.query<Row & pg.QueryResultRow>({ text, values: [uuidArray(distinct), MAX_BYTES] });
  return new Map(rows.map((row) => [row.id, row]));
}

function toEvent({ id, type, dedupe_key, subject, occurred_at, payload }: EventRow): DeliveredEvent {
  return { id, type, dedupeKey: dedupe_key, subject, occurredAt: occurred_at, payload };
}

function toRequest({ id, headers, body }: RequestRow): DeliveredRequest {
  return { id, headers, body: body ?? Buffer.alloc(0) };
}
