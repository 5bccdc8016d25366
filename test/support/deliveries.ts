/** Deliveries on a real PostgreSQL: destinations and what is owed to them, made by SQL, and the store. */
import { randomUUID } from 'node:crypto';
import type { AttemptReport, LeasedDelivery } from '../../src/core/delivery.ts';
import { ascendingRowId, rowId } from '../../src/core/row-id.ts';
import { createDeliveryPool } from '../../src/storage/postgres/delivery-pool.ts';
import { createDeliveryStore, type DeliveryStoreOptions } from '../../src/storage/postgres/delivery-store.ts';
import type { TestDatabase } from './database.ts';

/** Columns of `destinations`, as SQL has them. */
export interface DestinationColumns {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly url: string | null;
  readonly stream: string | null;
  readonly stream_max_length: number | null;
  readonly sources: readonly string[] | null;
  readonly types: readonly string[];
  readonly condition: object | null;
  readonly format: string;
  readonly signing: string;
  readonly secrets: readonly string[];
  readonly headers: object;
  readonly secret_headers: object;
  readonly timeout_ms: number;
  readonly concurrency: number;
  readonly rate_per_second: number | null;
  readonly retry_schedule: readonly number[];
  readonly ordering: string;
  readonly state: string;
}

/** @returns its id */
export async function addDestination(
  { query }: { query(sql: string, parameters: readonly unknown[]): Promise<unknown> },
  columns: Partial<DestinationColumns> = {},
): Promise<string> {
  const id = columns.id ?? randomUUID();
  const row: DestinationColumns = {
    id,
    name: id,
    kind: 'http',
    url: 'https://example.com/',
    stream: null,
    stream_max_length: null,
    sources: null,
    types: ['*'],
    condition: null,
    format: 'event',
    signing: 'none',
    secrets: [],
    headers: {},
    secret_headers: {},
    timeout_ms: 10_000,
    concurrency: 10,
    rate_per_second: null,
    retry_schedule: [5, 30],
    ordering: 'none',
    state: 'active',
    ...columns,
  };
  const names = Object.keys(row);
  const places = names.map((_, index) => `$${index + 1}`);
  await query(
    `INSERT INTO destinations (${names.join(', ')}, created_at, updated_at) VALUES (${places.join(', ')}, now(), now())`,
    Object.values(row),
  );
  await query('INSERT INTO destination_state (destination_id) VALUES ($1)', [id]);
  return id;
}

/** What differs from a live delivery of an event of its own that is due since a minute. */
export interface DeliveryColumns {
  readonly event_id: string | null;
  readonly request_id: string;
  readonly replay_id: string;
  readonly subject: string;
  readonly state: string;
  readonly attempts: number;
  /** Seconds from now. */
  readonly dueIn: number;
  readonly finished_at: Date;
}

/** @returns their ids, ascending */
export async function addDeliveries(
  { query }: Pick<TestDatabase, 'query'>,
  destinationId: string,
  deliveries: readonly Partial<DeliveryColumns>[],
): Promise<string[]> {
  const ids: string[] = [];
  for (const { dueIn = -60, ...columns } of deliveries) {
    const id = ascendingRowId();
    ids.push(id);
    const row = {
      id,
      destination_id: destinationId,
      event_id: rowId(),
      request_id: rowId(),
      source: 'stripe',
      provider: 'stripe',
      type: 'invoice.paid',
      state: 'pending',
      ...columns,
    };
    const names = Object.keys(row);
    const places = names.map((_, index) => `$${index + 1}`);
    await query(
      `INSERT INTO deliveries (${names.join(', ')}, next_attempt_at, received_at, created_at)
       VALUES (${places.join(', ')}, now() + $${names.length + 1} * interval '1 second', now(), now())`,
      [...Object.values(row), dueIn],
    );
  }
  return ids;
}

/** Many of them, which are due in the order of their numbers. */
export async function addBacklog(
  { query }: Pick<TestDatabase, 'query'>,
  destinationId: string,
  count: number,
  subject = 'NULL',
): Promise<void> {
  await query(
    `INSERT INTO deliveries (id, destination_id, event_id, request_id, source, provider, type, subject, state, next_attempt_at,
                             received_at, created_at)
     SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, $1, gen_random_uuid(), gen_random_uuid(), 'stripe',
            'stripe', 'invoice.paid', ${subject}, 'pending', now() - interval '1 hour' + n * interval '1 millisecond', now(), now()
       FROM generate_series(1, $2::int) AS n`,
    [destinationId, count],
  );
}

export const OWNER = randomUUID();
const DAY_MS = 86_400_000;

/** A store as each process has one. */
export function openDeliveries(databaseUrl: string, options: Partial<DeliveryStoreOptions> = {}) {
  const pool = createDeliveryPool(databaseUrl);
  const store = createDeliveryStore({
    pool,
    box: { open: (token) => token },
    disableAfterMs: 5 * DAY_MS,
    onTablesMissing: () => undefined,
    ...options,
  });
  const claim = (limit = 100, owner = OWNER) => store.claim({ owner, limit, leaseMs: 30_000, ahead: new Map() });
  return { store, claim, close: () => pool.close() };
}

/** A success, unless it says otherwise. */
export function reportOf(delivery: LeasedDelivery, more: Partial<AttemptReport> = {}): AttemptReport {
  return {
    id: rowId(),
    owner: OWNER,
    deliveryId: delivery.id,
    destinationId: delivery.destination.id,
    number: delivery.attempts + 1,
    startedAt: new Date(),
    durationMs: 12,
    answer: { status: 200, headers: { 'content-type': 'text/plain' }, body: Buffer.from('ok') },
    failure: null,
    error: null,
    next: { state: 'delivered' },
    destinationHealthy: true,
    probe: delivery.probe,
    retryAfterMs: null,
    pause: null,
    ...more,
  };
}

/** The destination did not answer; the delivery is to be tried again in a minute. */
export function failureOf(delivery: LeasedDelivery, more: Partial<AttemptReport> = {}): AttemptReport {
  return reportOf(delivery, {
    answer: null,
    failure: 'timeout',
    error: 'no answer in time',
    next: { state: 'pending', inMs: 60_000 },
    destinationHealthy: false,
    ...more,
  });
}
