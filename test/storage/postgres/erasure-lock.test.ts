/** One erasure at a time, no rebuild beside it, and vacuum is not kept waiting. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { rowId } from '../../../src/core/row-id.ts';
import { lockErasure } from '../../../src/storage/postgres/erasure-lock.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { until } from '../../support/until.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

const lock = async () => {
  const held = await lockErasure(database.url);
  if (held === 'held') throw new Error('somebody else has it');
  return held;
};
const rebuild = (lease: string) =>
  database.query(
    `INSERT INTO projection_rebuilds (id, tables, cursor_event_id, owner, lease_until)
     VALUES ($1, '{}', $2, $2, now() + $3::interval)`,
    [rowId(), randomUUID(), lease],
  );

it('is for one erasure, and free when that has ended', async () => {
  const first = await lock();
  expect(await lockErasure(database.url)).toBe('held');
  await first.release();
  await (await lock()).release();
});

it('is not to be had while a rebuild is at work, and may be had when its process has died', async () => {
  await rebuild('1 hour');
  expect(await lockErasure(database.url)).toBe('held');
  await database.query(`UPDATE projection_rebuilds SET lease_until = now() - interval '1 second'`);
  await (await lock()).release();
});

it('keeps a rebuild from beginning, and has no snapshot that would keep rows from vacuum', async () => {
  const { release, lost } = await lock();
  const sessions = await database.query(
    `SELECT backend_xmin, backend_xid FROM pg_stat_activity WHERE application_name = 'webhook-gateway erase' AND datname = current_database()`,
  );
  expect(sessions).toEqual([{ backend_xmin: null, backend_xid: null }]);
  let begun = false;
  const beginning = rebuild('0 s').then(() => {
    begun = true;
  });
  await until('it to wait for the lock', async () => {
    const waiting = `SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                      WHERE NOT l.granted AND d.datname = current_database()`;
    return (await database.query(waiting)).length > 0;
  });
  expect(begun).toBe(false);
  expect(lost.aborted).toBe(false);
  await release();
  await beginning;
});

it('tells when it is lost', async () => {
  const { lost, release } = await lock();
  await database.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'webhook-gateway erase' AND datname = current_database()`,
  );
  await until('it to be lost', () => lost.aborted);
  await release();
});
