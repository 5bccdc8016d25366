/** What a webhook meets when PostgreSQL refuses rows, breaks connections or takes too long: faults raised by the real server. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { until } from '../support/until.ts';
import { fresh, keysOf, post, signed, type Webhook } from '../support/webhooks.ts';

let database: TestDatabase;
let gateway: TestGateway;

beforeAll(async () => {
  database = await createDatabase();
  gateway = await startTestGateway({ DATABASE_URL: database.url, COMMIT_TIMEOUT_MS: '3000' });
});
afterAll(async () => {
  await gateway.stop();
  await database.drop();
});
afterEach(async () => {
  await database.query('DROP TRIGGER IF EXISTS fault ON events');
  await database.truncate();
});

/** From now on rows whose key matches raise this SQLSTATE; with `times` only the first so many. */
async function raise(sqlState: string, keyPattern: string, times = 1_000_000): Promise<void> {
  await database.query('DROP SEQUENCE IF EXISTS faults');
  await database.query('CREATE SEQUENCE faults');
  await database.query(`
    CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.dedupe_key LIKE '${keyPattern}' AND nextval('faults') <= ${times} THEN
        RAISE EXCEPTION 'secret of the row: %', NEW.payload USING ERRCODE = '${sqlState}';
      END IF;
      RETURN NEW;
    END $$`);
  await database.query('CREATE TRIGGER fault BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION fault()');
}

const storedKeys = async () =>
  (await database.query('SELECT dedupe_key FROM events')).map(({ dedupe_key }) => dedupe_key);
const poison = (): Webhook =>
  signed('stripe', `{"id":"evt_poison_${Math.random()}","object":"event","type":"a.b","private":"text"}`);

describe.each(['22P02', '23514', '54000', '21000'])('a row that PostgreSQL refuses with %s', (sqlState) => {
  test('is kept without its content, and its neighbours whole', async () => {
    await raise(sqlState, 'evt_poison%');
    const good = Array.from({ length: 30 }, () => fresh('stripe'));
    const bad = poison();
    const answers = await Promise.all(
      [...good.slice(0, 15), bad, ...good.slice(15)].map((one) => post(gateway.url, one)),
    );

    expect(answers.map(({ status, accepted }) => `${status} ${accepted}`)).toEqual(answers.map(() => '200 stored'));
    const keys = await storedKeys();
    expect(keys).toHaveLength(31);
    expect(keys).toEqual(expect.arrayContaining(good.flatMap((one) => keysOf(one))));
    const [unparsed] = await database.query(
      `SELECT e.type, e.payload, e.dedupe_key, r.body FROM events e JOIN webhook_requests r ON r.id = e.request_id WHERE e.type = 'unknown'`,
    );
    expect(unparsed).toMatchObject({ payload: null, dedupe_key: expect.stringMatching(/^body:[0-9a-f]{64}$/) });
    expect(bad.body.equals(unparsed.body)).toBe(true);
    expect((await post(gateway.url, bad)).accepted).toBe('duplicate');
  });
});

test('a row that is refused even without its content ends in a file, and is named in the log without its content', async () => {
  const before = await gateway.metric('webhook_spool_rejected_total');
  await raise('22P02', '%');
  const answer = await post(gateway.url, poison());
  expect([answer.status, answer.accepted]).toEqual([200, 'spooled']);
  const line = await until('the log line', () =>
    gateway.log.find(({ requestId, msg }) => requestId === answer.requestId && String(msg).includes('.rejected')),
  );
  expect(line).toMatchObject({ level: 50, source: 'stripe' });
  expect(await storedKeys()).toEqual([]);
  expect(await gateway.metric('webhook_spool_rejected_total')).toBe(before + 1);
  expect(JSON.stringify(gateway.log)).not.toContain('private');
});

test.each(['40P01', '40001'])('%s repeats the batch at once', async (sqlState) => {
  await raise(sqlState, 'evt%', 2);
  expect((await post(gateway.url, fresh('stripe'))).accepted).toBe('stored');
});

test.each(['53100', '53300', '42501', '25006', '55P03', '58030', 'XX000'])(
  '%s is an outage: the webhook goes to the spool, and from there to PostgreSQL',
  async (sqlState) => {
    await raise(sqlState, 'evt%', 1);
    const webhook = fresh('stripe');
    const answer = await post(gateway.url, webhook);
    expect([answer.status, answer.accepted]).toEqual([200, 'spooled']);
    const keys = await until('the webhook to be stored', async () => {
      const found = await storedKeys();
      return found.length > 0 && found;
    });
    expect(keys).toEqual(keysOf(webhook));
    expect((await post(gateway.url, webhook)).accepted).toBe('duplicate');
  },
);

test('connections that the server terminates cost no webhook', async () => {
  for (let round = 0; round < 5; round++) {
    await database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'webhook-gateway ingest' AND datname = current_database()`,
    );
    const webhooks = [fresh('stripe'), fresh('whatsapp'), fresh('stripe')];
    const answers = await Promise.all(webhooks.map((webhook) => post(gateway.url, webhook)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  }
  expect(await storedKeys()).toHaveLength(15);
});

test('a commit that takes too long is answered by the spool, and leaves no second row', async () => {
  const holder = new pg.Client({ connectionString: database.url });
  await holder.connect();
  const webhook = fresh('whatsapp');
  try {
    await holder.query('BEGIN');
    await holder.query('LOCK TABLE events IN ACCESS EXCLUSIVE MODE');
    const answer = await post(gateway.url, webhook);
    expect([answer.status, answer.accepted]).toEqual([200, 'spooled']);
    const ready = await fetch(`${gateway.url}/ready`);
    expect([ready.status, await ready.json()]).toMatchObject([
      200,
      { status: 'spooling', checks: { ingest: { ok: false } } },
    ]);
  } finally {
    await holder.query('ROLLBACK');
    await holder.end();
  }
  await until('the spool to be empty', async () => (await gateway.metric('webhook_spool_records')) === 0);
  expect((await post(gateway.url, webhook)).accepted).toBe('duplicate');
  expect(await storedKeys()).toEqual(keysOf(webhook));
  await until('the gateway to be ready again', async () => {
    const ready = (await (await fetch(`${gateway.url}/ready`)).json()) as { status: string };
    return ready.status === 'ready';
  });
});

test('a session whose role has synchronous_commit off still commits durably', async () => {
  await database.query(`ALTER DATABASE ${database.name} SET synchronous_commit = off`);
  const other = await startTestGateway({ DATABASE_URL: database.url });
  try {
    await database.query(`
      CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN NEW.subject := current_setting('synchronous_commit'); RETURN NEW; END $$`);
    await database.query('CREATE TRIGGER fault BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION fault()');
    await post(other.url, fresh('stripe'));
    expect(await database.query('SELECT subject FROM events')).toEqual([{ subject: 'on' }]);
  } finally {
    await other.stop();
    await database.query(`ALTER DATABASE ${database.name} RESET synchronous_commit`);
  }
});

test('times are stored as they are, whatever zone the database lives in', async () => {
  await database.query(`ALTER DATABASE ${database.name} SET timezone = 'Asia/Dubai'`);
  const other = await startTestGateway({ DATABASE_URL: database.url });
  try {
    await post(other.url, signed('stripe', '{"id":"evt_time","object":"event","type":"a.b","created":1766000000}'));
    const [row] = await database.query(
      'SELECT extract(epoch FROM occurred_at)::int AS at, now() - received_at < $1 AS fresh FROM events',
      ['1 minute'],
    );
    expect(row).toEqual({ at: 1766000000, fresh: true });
  } finally {
    await other.stop();
    await database.query(`ALTER DATABASE ${database.name} RESET timezone`);
  }
});
