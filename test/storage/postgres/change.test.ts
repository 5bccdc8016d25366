/** A change over the API and its entry of the audit log: both or neither, also where PostgreSQL is slow or others are in the way. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Change } from '../../../src/core/audit.ts';
import { StoreError } from '../../../src/core/errors.ts';
import { firstIdAt, rowId } from '../../../src/core/row-id.ts';
import { createAuditStore, createAuditWriter, type Transaction } from '../../../src/storage/postgres/audit-log.ts';
import { createChanges, type MakeChange } from '../../../src/storage/postgres/change.ts';
import { createSharedPrisma, type SharedPrisma } from '../../../src/storage/postgres/prisma.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';
import { until } from '../../support/until.ts';

const DAY_MS = 86_400_000;
const CHANGE: Change = { actor: 'somebody', ip: '::1', action: 'thing.change', target: null, details: null };

let database: TestDatabase;
let shared: SharedPrisma;
let makeChange: MakeChange;
beforeAll(async () => {
  database = await createDatabase();
  const connection = {
    databaseUrl: database.url,
    applicationName: 'test',
    connectTimeoutMs: 10_000,
    queryTimeoutMs: 10_000,
  };
  shared = createSharedPrisma(connection, 2);
  makeChange = createChanges(shared.prisma, createAuditWriter(30));
});
afterAll(async () => {
  await shared.close();
  await database.drop();
});
beforeEach(() => database.query('DELETE FROM audit_log; DELETE FROM api_keys'));

async function insertInto(transaction: Transaction, name: string): Promise<void> {
  const data = { id: rowId(), name, prefix: 'whg_', sha256: Buffer.from(name), scope: 'read', createdAt: new Date() };
  await transaction.apiKey.create({ data });
}
const insertKey = (name: string) =>
  makeChange(CHANGE, async (transaction) => {
    await insertInto(transaction, name);
    return { result: name, changed: true, found: { name } };
  });
const names = async () => (await database.query('SELECT name FROM api_keys ORDER BY name')).map(({ name }) => name);
const details = async () =>
  (await database.query('SELECT details FROM audit_log ORDER BY id')).map((row) => row.details);

test('leaves an entry with what it found', async () => {
  expect(await insertKey('a')).toBe('a');
  expect([await names(), await details()]).toEqual([['a'], [{ name: 'a' }]]);
});

test('that changes nothing leaves no entry', async () => {
  await makeChange(CHANGE, async () => ({ result: null, changed: false }));
  expect(await details()).toEqual([]);
});

test('whose entry cannot be written does not happen', async () => {
  await database.query('ALTER TABLE audit_log RENAME TO away');
  await expect(insertKey('a')).rejects.toThrow(StoreError);
  await database.query('ALTER TABLE away RENAME TO audit_log');
  expect([await names(), await details()]).toEqual([[], []]);
});

test('that gets no answer in time does not happen, also if the next one comes over what was its connection', async () => {
  const proxy = await startTcpProxy(Number(new URL(database.url).port));
  const url = new URL(database.url);
  url.host = `127.0.0.1:${proxy.port}`;
  // One connection: whatever state a change leaves it in, the next one meets it.
  const through = createSharedPrisma(
    { databaseUrl: url.toString(), applicationName: 'test', connectTimeoutMs: 10_000, queryTimeoutMs: 500 },
    1,
  );
  const change = createChanges(through.prisma, createAuditWriter(30));
  try {
    const givenUp = change(CHANGE, async (transaction) => {
      await insertInto(transaction, 'given-up');
      proxy.stall();
      return { result: null, changed: true, found: { name: 'given-up' } };
    });
    await expect(givenUp).rejects.toMatchObject({ fault: 'unavailable' });
    proxy.resume();
    await change(CHANGE, async (transaction) => {
      await insertInto(transaction, 'next');
      return { result: null, changed: true, found: { name: 'next' } };
    });
  } finally {
    await through.close();
    await proxy.close();
  }
  expect([await names(), await details()]).toEqual([['next'], [{ name: 'next' }]]);
});

test('that meets a deadlock is made again', async () => {
  await insertKey('a');
  await insertKey('b');
  const other = new pg.Client({ connectionString: database.url });
  await other.connect();
  const rename = (name: string) => `UPDATE api_keys SET prefix = 'other' WHERE name = '${name}'`;
  let attempts = 0;
  try {
    // The change must be the one that PostgreSQL gives up.
    await other.query(`SET deadlock_timeout = '60s'`);
    await other.query(`BEGIN; ${rename('b')}`);
    let blocked: Promise<unknown> = Promise.resolve();
    await makeChange(CHANGE, async (transaction) => {
      attempts++;
      await transaction.$executeRaw`SET LOCAL deadlock_timeout = '10ms'`;
      await transaction.$executeRaw`UPDATE api_keys SET prefix = 'ours' WHERE name = 'a'`;
      if (attempts === 1) {
        blocked = other.query(`${rename('a')}; COMMIT`);
        await until('the other waits', async () => {
          const waiting = await database.query(
            `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = $1`,
            [database.name],
          );
          return waiting.length > 0;
        });
      }
      await transaction.$executeRaw`UPDATE api_keys SET prefix = 'ours' WHERE name = 'b'`;
      return { result: null, changed: true, found: { attempts } };
    });
    await blocked;
  } finally {
    await other.end();
  }
  expect(attempts).toBe(2);
  expect(await database.query('SELECT DISTINCT prefix FROM api_keys')).toEqual([{ prefix: 'ours' }]);
  expect((await details()).at(-1)).toEqual({ attempts: 2 });
});

describe('the audit log', () => {
  const insertOld = (count: number, daysAgo: number) =>
    database.query(
      `INSERT INTO audit_log (id, at, actor, ip, action)
       SELECT overlay($1 PLACING lpad(to_hex(n), 12, '0') FROM 25)::uuid, $2, 'somebody', '::1', 'old'
         FROM generate_series(1, $3::int) AS n`,
      [firstIdAt(new Date(Date.now() - daysAgo * DAY_MS)), new Date(Date.now() - daysAgo * DAY_MS), count],
    );
  const old = async () => (await database.query(`SELECT FROM audit_log WHERE action = 'old'`)).length;

  test('loses what is older than the retention with each new entry, a hundred at a time', async () => {
    await insertOld(150, 31);
    await insertOld(10, 29);
    await insertKey('a');
    expect(await old()).toBe(60);
    await insertKey('b');
    expect(await old()).toBe(10);
    await insertKey('c');
    expect(await old()).toBe(10);
  });

  test('is read newest first, page by page', async () => {
    for (const name of ['a', 'b', 'c']) {
      await insertKey(name);
      await sleep(2);
    }
    const store = createAuditStore(shared.prisma);
    const first = await store.list({ after: null, limit: 2 });
    expect(first.rows.map((entry) => entry.details)).toEqual([{ name: 'c' }, { name: 'b' }]);
    await insertKey('d');
    const second = await store.list({ after: first.next, limit: 2 });
    expect([second.rows.map((entry) => entry.details), second.next]).toEqual([[{ name: 'a' }], null]);
  });
});
