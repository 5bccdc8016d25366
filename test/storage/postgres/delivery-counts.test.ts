/** The numbers that gauges show, from a real PostgreSQL to the text of a scrape. */
import { randomUUID } from 'node:crypto';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createDeliveryGauges } from '../../../src/observability/delivery-gauges.ts';
import { readDeliveryCounts } from '../../../src/storage/postgres/delivery-counts.ts';
import { createSharedPrisma, type SharedPrisma } from '../../../src/storage/postgres/prisma.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { addDeliveries, addDestination } from '../../support/deliveries.ts';

let database: TestDatabase;
let shared: SharedPrisma;
beforeAll(async () => {
  database = await createDatabase();
  const connection = {
    databaseUrl: database.url,
    applicationName: 'test',
    connectTimeoutMs: 5_000,
    queryTimeoutMs: 5_000,
  };
  shared = createSharedPrisma(connection, 1);
});
afterAll(async () => {
  await shared.close();
  await database.drop();
});
afterEach(() => database.truncate());

test('of nothing', async () => {
  expect(await readDeliveryCounts(shared.prisma)).toEqual({
    pending: 0,
    dead: 0,
    oldest: null,
    destinations: { active: 0, failing: 0, paused: 0, auto_paused: 0 },
  });
});

test('what waits, what is dead, since when, and how destinations are', async () => {
  const active = await addDestination(database);
  const failing = await addDestination(database);
  await database.query('UPDATE destination_state SET circuit_open = true WHERE destination_id = $1', [failing]);
  await addDestination(database, { state: 'paused' });
  await addDestination(database, { state: 'auto_paused' });
  const [replay, oldest] = await addDeliveries(database, active, [
    // The ids say which is the oldest, and random ones of one millisecond have no order.
    { replay_id: randomUUID(), request_id: '00000000-0000-7000-8000-000000000001' },
    { request_id: '00000000-0000-7000-8000-000000000002' },
    { state: 'sending' },
    { state: 'dead' },
    { state: 'delivered' },
    { state: 'cancelled' },
  ]);
  await database.query(`UPDATE deliveries SET received_at = '2026-01-01' WHERE id = $1`, [oldest]);
  await database.query(`UPDATE deliveries SET received_at = '2020-01-01' WHERE id = $1`, [replay]);
  const registry = new Registry();
  createDeliveryGauges({
    registry,
    readCounts: () => readDeliveryCounts(shared.prisma),
    clock: () => new Date('2026-01-01T00:01:30Z'),
  });
  const text = await registry.metrics();
  expect(text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([
    'webhook_deliveries_pending 3',
    'webhook_deliveries_dead 1',
    'webhook_oldest_pending_delivery_seconds 90',
    'webhook_destinations{state="active"} 1',
    'webhook_destinations{state="paused"} 1',
    'webhook_destinations{state="auto_paused"} 1',
    'webhook_destinations{state="failing"} 1',
  ]);
});
