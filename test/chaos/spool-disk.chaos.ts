/** The spool itself cannot take anything: then, and only then, webhooks are refused, and it recovers without help. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts';
import { mayMount, mountSmallDisk, type SmallDisk } from '../support/tmpfs.ts';
import { SECONDS } from './form.ts';
import { refusalsOf } from './outage.ts';
import { type Row, withRow } from './row.ts';

const MIB = 1024 * 1024;

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgresServer();
});
afterAll(() => server.destroy());

/** PostgreSQL is away, and the spool cannot take webhooks; then it can again, then PostgreSQL is back. */
async function refuseAndRecover(row: Row, spool: { begin(): unknown; end(): unknown }): Promise<void> {
  const { pid } = row.daemon;
  await row.startSender();
  await row.more('200 stored', 20);
  await row.sender.enter('fault');
  await spool.begin();
  await row.more('503', 20);
  expect((await fetch(`${row.url}/ready`)).status).toBe(503);
  await sleep(SECONDS.spoolFull * 1_000);
  await spool.end();
  await row.sender.enter('recovery');
  await row.more('200 spooled', 20);
  await server.start();
  await row.spoolEmpty();
  await row.more('200 stored', 20);
  const { refused, faults } = await row.settle();
  expect({ refused: refused > 0, faults }).toEqual({ refused: true, faults: 0 });
  expect(await refusalsOf(row)).toBe(refused);
  // Half a record would have been found by the drain.
  expect(await row.metric('webhook_spool_corrupt_total')).toBe(0);
  expect(row.daemon.pid).toBe(pid);
  expect(row.daemon.child.exitCode).toBeNull();
}

/** The directory of the spool on a disk of its own. */
async function onSmallDisk(fault: string, use: (row: Row, disk: SmallDisk) => Promise<void>): Promise<void> {
  await withRow({ fault, postgres: server }, async (row) => {
    const disk = mountSmallDisk(join(row.dataDir, 'spool'), 64 * MIB);
    try {
      await row.startDaemon();
      await use(row, disk);
    } finally {
      disk.setReadOnly(false);
      await row.killDaemon();
      disk.unmount();
    }
  });
}

// Elsewhere the unit tests of the spool inject what the disk does here.
if (mayMount) {
  test("the spool's disk is full", () =>
    onSmallDisk("spool's disk full", (row, disk) =>
      refuseAndRecover(row, {
        async begin() {
          await server.stop('immediate');
          await row.more('200 spooled', 20);
          disk.fill();
        },
        end: () => disk.clear(),
      }),
    ));

  test("the spool's disk is read-only", () =>
    onSmallDisk("spool's disk read-only", (row, disk) =>
      refuseAndRecover(row, {
        // In this order: the kernel refuses while a file is open for writing.
        async begin() {
          disk.setReadOnly(true);
          await server.stop('immediate');
        },
        end: () => disk.setReadOnly(false),
      }),
    ));
}

test('the spool has reached SPOOL_MAX_BYTES', () =>
  withRow(
    { fault: 'SPOOL_MAX_BYTES reached', postgres: server, env: { SPOOL_MAX_BYTES: String(MIB) } },
    async (row) => {
      await row.startDaemon();
      await row.startSender();
      await row.more('200 stored', 20);
      await row.sender.enter('fault');
      await server.stop('immediate');
      await row.more('503', 20, 60_000);
      const held = await row.metric('webhook_spool_bytes');
      expect(held).toBeLessThanOrEqual(MIB);
      await server.start();
      await row.spoolEmpty();
      await row.more('200 stored', 20);
      const { refused, faults } = await row.settle();
      expect(faults).toBe(0);
      expect(await refusalsOf(row)).toBe(refused);
    },
  ));
