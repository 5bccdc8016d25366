/** kill -9, again and again: what was answered 200 is stored, and nothing twice. */
import { rmSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Daemon, openTempDirectory, startDaemon } from '../support/daemon.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { readMetric } from '../support/metrics.ts';
import { startPersistentSender } from '../support/persistent-sender.ts';
import { startPostgresServer } from '../support/postgres-server.ts';
import { allDispatched, type Query, undispatched } from '../support/undispatched.ts';
import { until } from '../support/until.ts';
import { PROVIDER_ENVIRONMENT } from '../support/webhooks.ts';

/** Of the daemon, at random moments. The chaos suite kills more of them, and while they spool and drain. */
const KILLS = 3;
/** Milliseconds for one condition: here every daemon starts under load, and on a busy machine that takes its time. */
const PATIENCE = 90_000;

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

async function expectAllStoredOnce(acknowledged: ReadonlySet<string>, query: Query): Promise<void> {
  const rows = await query(`
    SELECT e.dedupe_key, r.id IS NOT NULL AS has_request
      FROM events e LEFT JOIN webhook_requests r ON r.id = e.request_id`);
  const keys: string[] = rows.map(({ dedupe_key }) => dedupe_key);
  expect(new Set(keys).size).toBe(keys.length);
  const stored = new Set(keys);
  expect([...acknowledged].filter((key) => !stored.has(key))).toEqual([]);
  expect(rows.filter(({ has_request }) => !has_request)).toEqual([]);
  // Each is still to be dispatched, or projected.
  expect(await undispatched(query)).toEqual(new Set());
}

const spoolEmpty = (url: string) =>
  until('the spool to be empty', async () => (await readMetric(url, 'webhook_spool_records')) === 0, PATIENCE);

test(`the daemon killed ${KILLS} times under load`, { timeout: 180_000 }, async () => {
  const environment = { ...PROVIDER_ENVIRONMENT, DATABASE_URL: database.url };
  // One for all of them: what a killed daemon has spooled lies there.
  const dataDir = openTempDirectory('gateway-kill-');
  let daemon: Daemon = await startDaemon(environment, { dataDir });
  const port = new URL(daemon.url).port;
  const { url } = daemon;
  const sender = startPersistentSender(() => url, 8);
  for (let kill = 0; kill < KILLS; kill++) {
    const goal = sender.acknowledged.size + 20 + Math.floor(Math.random() * 60);
    await until('some webhooks to be accepted', () => sender.acknowledged.size >= goal, PATIENCE);
    await daemon.kill();
    await daemon.dispose();
    daemon = await startDaemon({ ...environment, PORT: port }, { dataDir, wait: 'listening' });
  }
  await sender.finish();
  await spoolEmpty(daemon.url);
  await daemon.stop();
  await daemon.dispose();
  rmSync(dataDir, { recursive: true, force: true });
  expect(sender.failures()).toBeGreaterThan(0);
  await expectAllStoredOnce(sender.acknowledged, database.query);
});

test('PostgreSQL killed under load, with synchronous_commit off for the role', { timeout: 180_000 }, async () => {
  const server = await startPostgresServer({ fsync: true });
  const setUp = new pg.Client({ connectionString: server.url() });
  await setUp.connect();
  await setUp.query('ALTER ROLE postgres SET synchronous_commit = off');
  await setUp.end();
  const daemon = await startDaemon({ ...PROVIDER_ENVIRONMENT, DATABASE_URL: server.url(), COMMIT_TIMEOUT_MS: '1000' });
  try {
    const sender = startPersistentSender(() => daemon.url, 8);
    for (let kill = 0; kill < 2; kill++) {
      const goal = sender.acknowledged.size + 200;
      await until('some webhooks to be accepted', () => sender.acknowledged.size >= goal, PATIENCE);
      server.kill();
      await server.stop('immediate').catch(() => undefined);
      await server.start();
    }
    await sender.finish();
    await spoolEmpty(daemon.url);
    const client = new pg.Client({ connectionString: server.url() });
    await client.connect();
    const query: Query = async (sql, parameters = []) => (await client.query(sql, [...parameters])).rows;
    try {
      expect(sender.failures()).toBe(0);
      await until('everything to be dispatched', () => allDispatched(query), PATIENCE);
      await expectAllStoredOnce(sender.acknowledged, query);
    } finally {
      await client.end();
    }
  } finally {
    await daemon.dispose();
    await server.destroy();
  }
});
