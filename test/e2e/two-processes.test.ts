/** Two daemons on one database: the unique index is the only authority, and they never deadlock over it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { fresh, keysOf, PROVIDER_ENVIRONMENT, post, signed } from '../support/webhooks.ts';

let database: TestDatabase;
let daemons: Daemon[] = [];

beforeAll(async () => {
  database = await createDatabase({ migrated: false });
  const environment = {
    ...PROVIDER_ENVIRONMENT,
    DATABASE_URL: database.url,
    BATCH_MAX_REQUESTS: '50',
    COMMIT_TIMEOUT_MS: '30000',
  };
  // Both migrate the empty database at the same moment: one applies, the other waits.
  daemons = await Promise.all([startDaemon(environment), startDaemon(environment)]);
});
afterAll(async () => {
  await Promise.all(daemons.map((daemon) => daemon.dispose()));
  await database.drop();
});

async function deadlocks(): Promise<number> {
  await database.query('SELECT pg_stat_force_next_flush()').catch(() => undefined);
  const [row] = await database.query<{ n: number }>(
    'SELECT deadlocks::int AS n FROM pg_stat_database WHERE datname = current_database()',
  );
  return row?.n ?? -1;
}

test('the same 500 bodies in opposite orders: each stored once, and not one deadlock', async () => {
  const before = await deadlocks();
  const bodies = Array.from({ length: 500 }, (_, index) => fresh(index % 2 === 0 ? 'stripe' : 'whatsapp'));
  const orders = [bodies, [...bodies].reverse()];
  const answers = await Promise.all(
    daemons.flatMap(({ url }, index) => (orders[index] ?? []).map((webhook) => post(url, webhook))),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  expect(answers.filter(({ accepted }) => accepted === 'stored')).toHaveLength(500);
  expect(answers.filter(({ accepted }) => accepted === 'duplicate')).toHaveLength(500);
  const keys = (await database.query('SELECT dedupe_key FROM events')).map(({ dedupe_key }) => dedupe_key);
  expect(keys.sort()).toEqual(bodies.flatMap((webhook) => keysOf(webhook)).sort());
  expect(await deadlocks()).toBe(before);
});

test('one webhook forty times at the same moment, through both: one stored, the rest duplicates', async () => {
  for (let round = 0; round < 5; round++) {
    const webhook = fresh('whatsapp');
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) => post(daemons[index % 2]?.url ?? '', webhook)),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(answers.filter(({ accepted }) => accepted === 'stored')).toHaveLength(1);
    const rows = await database.query('SELECT 1 FROM events WHERE dedupe_key = $1', [keysOf(webhook)[0]]);
    expect(rows).toHaveLength(1);
  }
});

test('bodies that share events in different order, through both: every event once, and not one deadlock', async () => {
  const before = await deadlocks();
  const statuses = Array.from({ length: 200 }, (_, index) => ({
    id: `wamid.shared${index}`,
    status: 'sent',
    timestamp: '1766000000',
  }));
  const shuffled = () => [...statuses].sort(() => Math.random() - 0.5).slice(0, 150);
  const bodies = Array.from({ length: 40 }, () =>
    signed(
      'whatsapp',
      JSON.stringify({ entry: [{ id: '1', changes: [{ field: 'messages', value: { statuses: shuffled() } }] }] }),
    ),
  );
  const answers = await Promise.all(bodies.map((webhook, index) => post(daemons[index % 2]?.url ?? '', webhook)));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  const expected = new Set(bodies.flatMap((webhook) => keysOf(webhook)));
  const [row] = await database.query(
    `SELECT count(*)::int AS n FROM events WHERE dedupe_key LIKE 'status:wamid.shared%'`,
  );
  expect(row.n).toBe(expected.size);
  expect(await deadlocks()).toBe(before);
});
