/** The daemon itself dies, is told to stop, or starts while everything else is away. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts';
import { head, openRaw } from '../support/raw-http.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import { fresh, markedUnique, post } from '../support/webhooks.ts';
import { spoolFiles } from './daemon-files.ts';
import { COLD_STARTS, FULL, KILLS, LIMITS, STOPS } from './form.ts';
import { randomFrom } from './random.ts';
import { type Row, withRow } from './row.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgresServer();
});
afterAll(() => server.destroy());

/** In turn. A kill while spooling leaves PostgreSQL away for the next daemon; the next kill comes while that one drains. */
const MOMENTS = ['serving', 'spooling', 'draining'] as const;
/** Webhooks a second: many, so that a kill has something to hit. */
const KILL_RATE = 200;
/** Milliseconds each way to PostgreSQL while the spool is drained: else it would be over before anybody can come. */
const DRAIN_DELAY = 40;

test(`the daemon killed with -9 ${KILLS} times: serving, spooling and draining`, async () => {
  const proxy = await startTcpProxy(server.port);
  const options = { fault: `daemon killed ${KILLS} times`, postgres: server, databasePort: proxy.port };
  try {
    await withRow(options, async (row) => {
      const random = randomFrom('CHAOS_SEED');
      const killed: string[] = [];
      await row.startDaemon();
      await row.startSender(KILL_RATE);
      await row.more('200 stored', 20);
      await row.sender.enter('fault');
      for (let kill = 0; kill < KILLS; kill++) {
        const moment = MOMENTS[kill % MOMENTS.length];
        if (moment === 'serving') await row.more('200 stored', 1);
        if (moment === 'spooling') {
          await server.stop('immediate');
          await row.more('200 spooled', 20);
        }
        if (moment === 'draining') {
          await row.more('200 spooled', 100);
          proxy.delay(DRAIN_DELAY);
          await server.start();
          await until('the drain', async () => (await row.metric('webhook_spool_drained_total')) > 0);
        }
        await sleep(random.below(300));
        killed.push(await momentOf(row));
        await row.killDaemon();
        proxy.delay(0);
        await row.startDaemon('listening');
      }
      // The last may have been killed while PostgreSQL was away.
      if (MOMENTS[(KILLS - 1) % MOMENTS.length] === 'spooling') await server.start();
      await row.more('200 stored', 20);
      const inMidDrain = killed.filter((moment) => moment === 'draining').length;
      const { faults, spooled } = await row.settle({ note: `${inMidDrain} in the middle of a drain` });
      expect(faults).toBeGreaterThan(0);
      expect(spooled).toBeGreaterThan(0);
      expect(inMidDrain).toBeGreaterThan(0);
    });
  } finally {
    await proxy.close();
  }
});

/** What the daemon is at, by what it has in its spool. */
async function momentOf(row: Row): Promise<(typeof MOMENTS)[number]> {
  if ((await row.metric('webhook_spool_records')) === 0) return 'serving';
  return (await row.metric('webhook_spool_drained_total')) > 0 ? 'draining' : 'spooling';
}

test('the daemon started while PostgreSQL and Redis are away', async () => {
  const env = { REDIS_URL: `redis://127.0.0.1:${await freePort()}` };
  await withRow({ fault: 'daemon started while PostgreSQL and Redis are away', postgres: server, env }, async (row) => {
    await row.startDaemon();
    await row.stopDaemon();
    await server.stop();
    let slowest = 0;
    for (let start = 0; start < COLD_STARTS; start++) {
      const from = performance.now();
      const accepted = until('an answer of 200', async () => {
        const answer = await post(row.url, fresh('stripe', undefined, markedUnique())).catch(() => null);
        return answer?.status === 200 && answer.accepted;
      });
      const started = row.startDaemon('listening');
      expect(await accepted).toBe('spooled');
      slowest = Math.max(slowest, performance.now() - from);
      await started;
      expect((await fetch(`${row.url}/ready`)).status).toBe(200);
      if (start < COLD_STARTS - 1) await row.killDaemon();
    }
    await row.startSender();
    await row.sender.enter('fault');
    await row.more('200 spooled', 20);
    await server.start();
    await row.spoolEmpty();
    await row.more('200 stored', 20);
    const { refused } = await row.settle({
      note: `first 200 after ${(slowest / 1000).toFixed(1)} s`,
      others: COLD_STARTS,
    });
    expect(refused).toBe(0);
    if (FULL) expect(slowest).toBeLessThan(LIMITS.coldStartMs);
  });
});

test(`SIGTERM of a lone process under load, ${STOPS} times, in turn with PostgreSQL there and away`, () =>
  withRow({ fault: `SIGTERM under load, ${STOPS} times`, postgres: server }, async (row) => {
    await row.startDaemon();
    await row.startSender();
    let others = 0;
    for (let stop = 0; stop < STOPS; stop++) {
      const away = stop % 2 === 1;
      if (away) await server.stop('immediate');
      await row.more(away ? '200 spooled' : '200 stored', 20);
      await row.sender.enter('fault');
      const webhooks = Array.from({ length: 100 }, () => fresh('stripe', undefined, markedUnique()));
      const connections = await Promise.all(webhooks.map(() => openRaw(row.url)));
      webhooks.forEach(({ body, headers }, index) => {
        connections[index]?.write(head({ ...headers, 'Content-Length': body.length }));
        connections[index]?.write(body);
      });
      await until('the first answer', () => connections.some(({ received }) => received().includes('HTTP/1.1 ')));
      expect(await row.stopDaemon()).toBe(0);
      const texts = await Promise.all(connections.map(({ closed }) => closed));
      expect(texts.filter((text) => !text.startsWith('HTTP/1.1 200'))).toEqual([]);
      others += webhooks.length;
      await expect(openRaw(row.url)).rejects.toThrow('ECONNREFUSED');
      if (away) expect(spoolFiles(row.dataDir)).not.toEqual([]);
      await row.startDaemon('listening');
      await row.sender.enter('between');
      if (away) await server.start();
    }
    const { refused, cut } = await row.settle({ others });
    // A request on a kept connection may cross the daemon's goodbye; HTTP knows no remedy but to repeat it.
    expect({ refused, cut: cut.others }).toEqual({ refused: 0, cut: 0 });
    expect(cut.kept).toBeLessThanOrEqual(STOPS);
  }));
