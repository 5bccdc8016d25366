/** Statements under names, over a pool of one connection. What if the server knows the name no more, or something else by it? */
import type pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTransactionPool, type TransactionPool } from '../../../src/storage/postgres/transaction-pool.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';

/** More than the five executions after which the server makes a plan to keep. */
const ENOUGH_FOR_A_PLAN = 7;

let database: TestDatabase;
let pool: TransactionPool;
/** How often the work of a transaction was begun. */
let begun: number;
beforeEach(async () => {
  database = await createDatabase({ migrated: false });
  await database.query('CREATE TABLE notes (id int PRIMARY KEY, text text)');
  pool = open();
  begun = 0;
});
afterEach(async () => {
  await pool.close();
  await database.drop();
});

const open = () =>
  createTransactionPool({
    databaseUrl: database.url,
    applicationName: 'named statements',
    timeoutMs: 10_000,
    named: true,
  });

type Work<T> = (client: pg.ClientBase) => Promise<T>;
const transaction = <T>(work: Work<T>) =>
  pool.transaction((client) => {
    begun++;
    return work(client);
  });

const write =
  (id: number): Work<unknown> =>
  (client) =>
    client.query({ text: 'INSERT INTO notes (id, text) VALUES ($1, $2)', values: [id, `note ${id}`] });
const read =
  (id: number): Work<Record<string, unknown> | undefined> =>
  async (client) =>
    (await client.query({ text: 'SELECT * FROM notes WHERE id = $1', values: [id] })).rows[0];
const writeAndRead =
  (id: number): Work<Record<string, unknown> | undefined> =>
  async (client) => {
    await write(id)(client);
    return read(id)(client);
  };

const note = (id: number, more = {}) => ({ id, text: `note ${id}`, ...more });
const stored = async () =>
  (await database.query<{ id: number }>('SELECT id FROM notes ORDER BY id')).map(({ id }) => id);
const namesOf = () =>
  transaction(async (client) =>
    (await client.query('SELECT name FROM pg_prepared_statements')).rows.map((row) => row.name),
  );
const pidOf = () => transaction(async (client) => (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid);

/** What a proxy does between two transactions, or an operator. `DISCARD` is for outside of one. */
const betweenTransactions = (sql: string) =>
  transaction(async (client) => {
    await client.query('COMMIT');
    await client.query(sql);
    await client.query('BEGIN');
  });

test('a text has one name, however often it comes, and only one with values has any', async () => {
  for (let id = 1; id <= ENOUGH_FOR_A_PLAN; id++) expect(await transaction(writeAndRead(id))).toEqual(note(id));
  await transaction((client) => client.query({ text: 'SELECT count(*) FROM notes' }));
  const names = await namesOf();
  expect(names).toHaveLength(2);
  expect(new Set(names).size).toBe(2);
  for (const name of names) expect(name).toMatch(/^gateway_[0-9a-f]{16}$/);
});

test.each(['DISCARD ALL', 'DEALLOCATE ALL'])(
  'after %s the work is done at once, as a whole and once, and from then on without names',
  async (sql) => {
    await transaction(read(1));
    await betweenTransactions(sql);
    begun = 0;
    // What it has written before it comes to the name that is lost is written by the second run alone.
    const work: Work<unknown> = async (client) => {
      await client.query('INSERT INTO notes VALUES (1)');
      await client.query(`UPDATE notes SET text = 'note 1'`);
      return read(1)(client);
    };
    expect(await transaction(work)).toEqual(note(1));
    expect(begun).toBe(2);
    expect(await stored()).toEqual([1]);

    begun = 0;
    for (const id of [2, 3, 4]) expect(await transaction(writeAndRead(id))).toEqual(note(id));
    expect(begun).toBe(3);
    expect(await namesOf()).toEqual([]);
    expect(await stored()).toEqual([1, 2, 3, 4]);
  },
);

test('a name that somebody else has given before is not used', async () => {
  await transaction(read(1));
  const [name] = await namesOf();
  await pool.close();
  pool = open();
  await betweenTransactions(`PREPARE ${name} AS SELECT 1`);
  expect(await transaction(writeAndRead(1))).toEqual(note(1));
  expect(await transaction(writeAndRead(2))).toEqual(note(2));
  expect(await stored()).toEqual([1, 2]);
});

test('a table gets a column more under SELECT *: the work goes on over another connection, with names', async () => {
  for (let id = 1; id <= ENOUGH_FOR_A_PLAN; id++) await transaction(writeAndRead(id));
  const pid = await pidOf();
  await database.query(`ALTER TABLE notes ADD COLUMN colour text DEFAULT 'red'`);
  begun = 0;
  expect(await transaction(writeAndRead(8))).toEqual(note(8, { colour: 'red' }));
  expect(begun).toBe(2);
  expect(await stored()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);

  begun = 0;
  expect(await transaction(writeAndRead(9))).toEqual(note(9, { colour: 'red' }));
  expect(begun).toBe(1);
  expect(await pidOf()).not.toBe(pid);
  expect(await namesOf()).toHaveLength(2);
});

test('what would have failed without names fails, and is not done twice', async () => {
  await transaction(write(1));
  begun = 0;
  await expect(transaction(write(1))).rejects.toMatchObject({ code: '23505' });
  await expect(transaction(() => Promise.reject(new Error('of the work')))).rejects.toThrow('of the work');
  expect(begun).toBe(2);
  expect(await transaction(writeAndRead(2))).toEqual(note(2));
  expect(await namesOf()).not.toEqual([]);
});
