/** Deliveries while workers are killed, and while PostgreSQL comes and goes: all of them arrive, and hardly one twice. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts';
import type { Repeats } from './delivery-ledger.ts';
import { deliveredAgain, openDestination, settleDeliveries, withDeliveries } from './delivery-row.ts';
import { BETWEEN_WORKER_KILLS, DELIVERY_LIMITS, FULL, OUTAGES, SECONDS, WORKER_KILLS, WORKERS } from './form.ts';
import { randomFrom } from './random.ts';
import type { Receipt } from './receiving-process.ts';

/** Milliseconds that a receiver takes at most. */
const ANSWER_WITHIN = 20;
/** Milliseconds from a kill until the kernel has closed the connections of the dead. */
const CLOSED_WITHIN = 1_000;
/** Milliseconds before a crash of PostgreSQL in which commits may not have reached the disk: three times wal_writer_delay, and the way. */
const NOT_ON_DISK = 2_000;

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgresServer();
});
afterAll(() => server.destroy());

const told = ({ receipts, repeated }: Repeats) => {
  const share = ((100 * repeated) / receipts).toFixed(2);
  return `${receipts - repeated} deliveries, ${repeated} sent twice (${share} %), each for an answer that was lost`;
};

test(`workers killed with -9 ${WORKER_KILLS} times under load`, async () => {
  const fault = `workers killed ${WORKER_KILLS} times`;
  await withDeliveries(
    { fault, postgres: server, workers: 2, answerWithinMs: ANSWER_WITHIN },
    async ({ row, workers, receiver }) => {
      const random = randomFrom('CHAOS_SEED');
      await openDestination({ row, receiver }, 'one');
      await openDestination({ row, receiver }, 'two');
      await row.startSender();
      await row.more('200 stored', 20);
      await row.sender.enter('fault');
      const kills: number[] = [];
      for (let kill = 0; kill < WORKER_KILLS; kill++) {
        await sleep(random.below(BETWEEN_WORKER_KILLS * 1_000));
        kills.push(await workers.killOne((running) => random.pick(running)));
      }
      await workers.ready();
      await row.more('200 stored', 20);
      /** Its process died before anything was recorded of it. */
      const explains = ({ at, connectionEndedAt: endedAt }: Receipt) =>
        endedAt !== null && kills.some((kill) => at <= endedAt && endedAt >= kill && endedAt <= kill + CLOSED_WITHIN);
      const { receipts, repeated } = await settleDeliveries(row, {
        after: 'kill',
        explains,
        receipts: () => receiver.receipts(),
        note: told,
      });
      if (FULL) expect(repeated / receipts).toBeLessThan(DELIVERY_LIMITS.repeated);
    },
  );
});

test('PostgreSQL paused, killed and stopped under deliveries', async () => {
  const fault = 'PostgreSQL paused, killed and stopped under deliveries';
  await withDeliveries(
    { fault, postgres: server, workers: WORKERS, answerWithinMs: ANSWER_WITHIN },
    async ({ row, receiver }) => {
      await openDestination({ row, receiver }, 'one');
      await openDestination({ row, receiver }, 'two');
      await row.startSender();
      await row.more('200 stored', 20);
      await row.sender.enter('fault');
      const crashes: number[] = [];
      const away = async (begin: () => unknown, end: () => unknown) => {
        await begin();
        await row.more('200 spooled', 1);
        await sleep(SECONDS.deliveryOutage * 1_000);
        await end();
        await row.more('200 stored', 50);
        // Else it would have been away for longer than a lease lasts, and then some are sent again that are only not yet reported.
        await deliveredAgain(row, await receiver.count());
      };
      for (let outage = 0; outage < OUTAGES; outage++) {
        await away(
          () => server.pause(),
          () => server.resume(),
        );
        for (const mode of ['immediate', 'fast'] as const) {
          await away(
            async () => {
              await server.stop(mode);
              if (mode === 'immediate') crashes.push(Date.now());
            },
            () => server.start(),
          );
        }
      }
      await row.spoolEmpty();
      /** What was recorded of it went with the server's memory. */
      const explains = ({ at }: Receipt) => crashes.some((crash) => at <= crash && at >= crash - NOT_ON_DISK);
      await settleDeliveries(row, { explains, receipts: () => receiver.receipts(), note: told });
    },
  );
});
