/** PostgreSQL's disk is full: it answers 53100 until there is room again. */
import { join } from 'node:path';
import { afterAll, beforeAll, test } from 'vitest';
import { defaultServerAccount } from '../../src/storage/postgres/embedded/server-account.ts';
import { openTempDirectory } from '../support/daemon.ts';
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts';
import { mayMount, mountSmallDisk } from '../support/tmpfs.ts';
import { SECONDS } from './form.ts';
import { expectInTime, expectNothingRefused, type Fault, rideOut } from './outage.ts';
import { type Row, withRow } from './row.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgresServer();
});
afterAll(() => server.destroy());

const MIB = 1024 * 1024;

/** The tables on a disk of their own, which somebody else fills. */
async function smallTablespace(row: Row): Promise<Fault> {
  const account = await defaultServerAccount();
  const directory = join(openTempDirectory('gateway-tablespace-'), 'disk');
  const disk = mountSmallDisk(directory, 32 * MIB, account ?? undefined);
  await row.query(`CREATE TABLESPACE small LOCATION '${directory}'`);
  for (const table of ['events', 'webhook_requests']) await row.query(`ALTER TABLE ${table} SET TABLESPACE small`);
  return { seconds: SECONDS.refusing, begin: () => disk.fill(), end: () => disk.clear() };
}

/** Where nothing can be mounted: the same answer, of a trigger. */
async function refusingTrigger(row: Row): Promise<Fault> {
  await row.query(`
    CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$`);
  return {
    seconds: SECONDS.refusing,
    begin: () =>
      row.query('CREATE TRIGGER full_disk BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION disk_full()'),
    end: () => row.query('DROP TRIGGER full_disk ON events'),
  };
}

test(`disk-full error from PostgreSQL (${mayMount ? 'a full disk' : 'a trigger: nothing can be mounted here'})`, () =>
  withRow({ fault: 'disk-full error from PostgreSQL', postgres: server }, async (row) => {
    await row.startDaemon();
    const fault = await (mayMount ? smallTablespace(row) : refusingTrigger(row));
    const outcome = await rideOut(row, fault);
    await expectNothingRefused(row, outcome);
    expectInTime(outcome);
  }));
