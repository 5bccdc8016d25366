import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createIngestPool, type IngestPool } from '../../../src/storage/postgres/ingest-pool.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts';
import { until } from '../../support/until.ts';

let database: TestDatabase;
let proxy: TcpProxy;
let ingest: IngestPool | undefined;
const events: string[] = [];

beforeAll(async () => {
  database = await createDatabase();
  proxy = await startTcpProxy(Number(new URL(database.url).port));
});
afterEach(async () => {
  await ingest?.close();
  events.length = 0;
});
afterAll(async () => {
  await proxy.close();
  await database.drop();
});

/** @param timeoutMs long: on a busy machine the first connection may take its time */
function open(databaseUrl: string, timeoutMs = 20_000): IngestPool {
  ingest = createIngestPool({
    databaseUrl,
    size: 2,
    timeoutMs,
    onConnected: (id) => events.push(`connected ${id}`),
    onLost: () => events.push('lost'),
    onTablesMissing: () => events.push('missing'),
  });
  return ingest;
}

test('tells to which database it is connected', async () => {
  await open(database.url).pool.query('SELECT 1');
  const [{ id }] = await database.query('SELECT id FROM webhook_gateway');
  expect(events).toEqual([expect.stringContaining(`connected ${id}:`)]);
});

test('connects before the first migration too, and says that the tables are missing', async () => {
  const empty = await createDatabase({ migrated: false });
  await open(empty.url).pool.query('SELECT 1');
  expect(events).toEqual(['missing']);
  await ingest?.close();
  await empty.drop();
});

test.each([
  ['emptied', 'TRUNCATE events'],
  ['replaced', 'DROP TABLE events; CREATE TABLE events (id uuid)'],
])('notices by itself that the tables were %s, though no connection was cut', async (_name, change) => {
  const own = await createDatabase();
  await open(own.url).pool.query('SELECT 1');
  await own.query(change);
  await until('other tables to be told of', () => events.length === 3);
  expect(events.map((event) => event.split(' ')[0])).toEqual(['connected', 'lost', 'connected']);
  expect(events[2]).not.toBe(events[0]);
  await ingest?.close();
  await own.drop();
});

test('of two connections one is lost: the other is enough to go on', async () => {
  const { pool } = open(database.url);
  const pids = await Promise.all(
    [1, 2].map(async () => (await pool.query('SELECT pg_backend_pid() AS pid, pg_sleep(0.1)')).rows[0].pid),
  );
  expect(new Set(pids).size).toBe(2);
  await database.query('SELECT pg_terminate_backend($1)', [pids[0]]);
  await until('both to be told', () => events.length === 3);
  expect(events.map((event) => event.split(' ')[0])).toEqual(['connected', 'lost', 'connected']);
  expect(pool.totalCount).toBe(1);
});

test('tells of a connection that the server ended, and not of its own close', async () => {
  const { pool } = open(database.url);
  const { rows } = await pool.query('SELECT pg_backend_pid() AS pid');
  await database.query('SELECT pg_terminate_backend($1)', [rows[0].pid]);
  await until('the loss to be told', () => events.includes('lost'));
  await pool.query('SELECT 1');
  await ingest?.close();
  expect(events.map((event) => event.split(' ')[0])).toEqual(['connected', 'lost', 'connected']);
});

test('notices by itself that a server has fallen silent', async () => {
  const url = new URL(database.url);
  url.port = String(proxy.port);
  const { pool } = open(url.toString(), 1_000);
  // What a busy machine does not manage within the second is given up, and is no server that has fallen silent.
  await until('a connection', () =>
    pool.query('SELECT 1').then(
      () => true,
      () => false,
    ),
  );
  events.length = 0;
  proxy.stall();
  await until('the loss to be told', () => events.includes('lost'));
  proxy.resume();
});
