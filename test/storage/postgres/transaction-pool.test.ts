/** Transactions over a pool of one connection: what is sent without waiting for its answer, and what becomes of it. */
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  createTransactionPool,
  HAS_BEGUN,
  type TransactionPool,
} from '../../../src/storage/postgres/transaction-pool.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts';
import { until } from '../../support/until.ts';

let database: TestDatabase;
let proxy: TcpProxy;
/** Everything that the pool has sent to the server. */
let sent: string;
let pool: TransactionPool;
beforeEach(async () => {
  database = await createDatabase({ migrated: false });
  await database.query('CREATE TABLE notes (id int PRIMARY KEY)');
  const url = new URL(database.url);
  proxy = await startTcpProxy(Number(url.port));
  sent = '';
  proxy.cutAfter((chunk) => {
    sent += chunk.toString('latin1');
    return null;
  });
});
afterEach(async () => {
  await pool.close();
  await proxy.close();
  await database.drop();
});

const open = (pipelined: boolean) => {
  const url = new URL(database.url);
  url.port = String(proxy.port);
  const databaseUrl = url.toString();
  pool = createTransactionPool({ databaseUrl, applicationName: 'test', timeoutMs: 600_000, named: true, pipelined });
};
const insert = (id: number) => ({ text: 'INSERT INTO notes VALUES ($1)', values: [id] });
const stored = async () =>
  (await database.query<{ id: number }>('SELECT id FROM notes ORDER BY id')).map(({ id }) => id);
const pidOf = () =>
  pool.transaction(async (client) => (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid);

describe.each([true, false])('pipelined: %s', (pipelined) => {
  beforeEach(() => open(pipelined));

  test('what is sent is committed when the transaction resolves', async () => {
    const result = await pool.transaction(async (_, send) => {
      for (const id of [1, 2, 3]) send(insert(id));
      return 'done';
    });
    expect(result).toBe('done');
    expect(await stored()).toEqual([1, 2, 3]);
  });

  test('what is sent comes before what is asked after it', async () => {
    const rows = await pool.transaction(async (client, send) => {
      send(insert(1));
      return (await client.query('SELECT id FROM notes')).rows;
    });
    expect(rows).toEqual([{ id: 1 }]);
  });

  test('where one of them fails nothing of the transaction is there, and the connection serves the next', async () => {
    const pid = await pidOf();
    const failing = pool.transaction(async (_, send) => {
      for (const id of [1, 2, 2, 3]) send(insert(id));
    });
    await expect(failing).rejects.toMatchObject({ code: '23505' });
    expect(await stored()).toEqual([]);
    expect(await pidOf()).toBe(pid);
  });

  test('where the work fails behind them they are taken back', async () => {
    const failing = pool.transaction(async (_, send) => {
      send(insert(1));
      throw new Error('of the work');
    });
    await expect(failing).rejects.toThrow('of the work');
    await pool.transaction(async (_, send) => send(insert(2)));
    expect(await stored()).toEqual([2]);
  });

  test('what is asked behind one that has failed fails with the fault of that one', async () => {
    const failing = pool.transaction(async (client, send) => {
      for (const id of [1, 1]) send(insert(id));
      await client.query('SELECT id FROM notes');
    });
    await expect(failing).rejects.toMatchObject({ code: '23505' });
  });

  test('where the transaction cannot begin nothing is stored', async () => {
    await pidOf();
    proxy.cutAfter((chunk) => {
      const at = chunk.indexOf('BEGIN');
      if (at >= 0) chunk.write('BEGUN', at);
      return null;
    });
    const failing = pool.transaction(async (client, send) => {
      send({ text: `INSERT INTO notes SELECT $1::int WHERE ${HAS_BEGUN}`, values: [1] });
      await client.query('SELECT id FROM notes');
      await client.query(insert(2));
      send(insert(3));
    });
    await expect(failing).rejects.toMatchObject({ code: '42601' });
    proxy.cutAfter(() => null);
    await pool.transaction(async (_, send) => send(insert(4)));
    expect(await stored()).toEqual([4]);
  });

  test('the end of the pool cuts what gets no answer', async () => {
    await pidOf();
    proxy.stall();
    const cut = expect(pool.transaction(async (client) => client.query('SELECT 1'))).rejects.toThrow('terminated');
    // It has been sent by then.
    await new Promise(setImmediate);
    // And not after the ten minutes that a statement has here.
    await pool.close();
    await cut;
  });

  test('a connection that is lost behind them fails the transaction, and the next one gets another', async () => {
    await pidOf();
    proxy.cutAfter((chunk) => (chunk.includes('COMMIT') ? 'answered' : null));
    await expect(pool.transaction(async (_, send) => send(insert(1)))).rejects.toThrow();
    proxy.cutAfter(() => null);
    await pool.transaction(async (_, send) => send(insert(2)));
    expect(await stored()).toContain(2);
  });
});

test.each([
  [true, 'is sent before'],
  [false, 'waits until'],
])('pipelined: %s, the commit %s what comes before it has been answered', async (pipelined) => {
  open(pipelined);
  await pidOf();
  const locker = new pg.Client({ connectionString: database.url });
  await locker.connect();
  try {
    await locker.query('BEGIN; LOCK TABLE notes');
    sent = '';
    const done = pool.transaction(async (_, send) => send(insert(1)));
    const blocked = `SELECT count(*)::int AS count FROM pg_locks WHERE NOT granted AND relation = 'notes'::regclass`;
    await until(
      'the statement waits for the table',
      async () => (await database.query<{ count: number }>(blocked))[0]?.count === 1,
    );
    if (pipelined) await until('the commit is sent', () => sent.includes('COMMIT'));
    else expect(sent).not.toContain('COMMIT');
    await locker.query('ROLLBACK');
    await done;
    expect(await stored()).toEqual([1]);
  } finally {
    await locker.end();
  }
});
