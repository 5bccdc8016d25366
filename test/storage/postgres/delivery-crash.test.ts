/** The server crashes and takes the commits with it that had not reached the disk: what may have been sent must not be among them. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dispatchBatch } from '../../../src/dispatch/dispatch-batch.ts';
import { applyMigrations } from '../../../src/storage/postgres/migrations/apply.ts';
import { storeEvents, TEST_TABLES } from '../../support/counting-projector.ts';
import { addDestination, openDeliveries } from '../../support/deliveries.ts';
import { openDispatch } from '../../support/dispatch.ts';
import { type PostgresServer, startPostgresServer } from '../../support/postgres-server.ts';

let server: PostgresServer;
beforeAll(async () => {
  // Whatever does not wait for the disk itself is not there for the next ten seconds.
  server = await startPostgresServer({ settings: { wal_writer_delay: '10s' } });
  await applyMigrations({ databaseUrl: server.url() }, { logger: { info: () => undefined, warn: () => undefined } });
  await query(TEST_TABLES);
});
afterAll(() => server.destroy());

async function query(sql: string, parameters: readonly unknown[] = []) {
  const client = new pg.Client({ connectionString: server.url() });
  await client.connect();
  return (await client.query(sql, [...parameters]).finally(() => client.end())).rows;
}

test('a delivery that was handed to a worker is there after a crash, under the same id: no other is made of its event', async () => {
  await addDestination({ query });
  await storeEvents(server.url(), [{ payload: {} }]);
  const dispatch = openDispatch(server.url());
  const deliveries = openDeliveries(server.url());
  await dispatchBatch({ events: 10, bytes: 2 ** 30, liveSince: new Date(0), except: [] }, dispatch.options);
  const claimed = await deliveries.claim();
  await server.stop('immediate');
  await Promise.all([dispatch.close(), deliveries.close()]);
  await server.start();
  expect(claimed).toHaveLength(1);
  expect(await query('SELECT id, state FROM deliveries')).toEqual([{ id: claimed[0]?.id, state: 'sending' }]);
  expect(await query('SELECT FROM event_dispatch')).toEqual([]);
});
