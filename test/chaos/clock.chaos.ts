/**
 * The clock jumps, in the daemon's own composition in the test's process, where `Date` can be set and timers run on: the
 * signature's time is judged by that clock, and ids stay unique.
 */
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts';
import { until } from '../support/until.ts';
import { fresh, keysOf, markedUnique, post, type Webhook } from '../support/webhooks.ts';
import { keepLog } from './daemon-files.ts';
import { withClient } from './postgres-access.ts';
import { addToReport } from './report.ts';

const HOUR = 3_600_000;
const TOLERANCE = 300_000;
const JUMPS = {
  'an hour forward': HOUR,
  'two hours back': -2 * HOUR,
  'a day forward': 24 * HOUR,
  'a year back': -8_766 * HOUR,
};

let server: PostgresServer;
let gateway: TestGateway;
beforeAll(async () => {
  server = await startPostgresServer();
  gateway = await startTestGateway({ DATABASE_URL: server.url() });
});
afterEach(() => {
  vi.useRealTimers();
});
afterAll(async () => {
  await gateway.stop();
  keepLog('clock', gateway.log.map((line) => JSON.stringify(line)).join('\n'));
  await server.destroy();
});

/** The clock stands still at this time, in milliseconds since 1970. */
function setClock(time: number): void {
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.setSystemTime(time);
}

function signedAt(time: number): Webhook {
  const now = Date.now();
  setClock(time);
  const webhook = fresh('stripe', undefined, markedUnique());
  setClock(now);
  return webhook;
}

const statusOf = async (webhook: Webhook) => (await post(gateway.url, webhook)).status;

test('the tolerance of signatures is judged by the clock as it is, and ids stay unique', async () => {
  const start = Date.now();
  const ids = new Set<string | null>();
  const keys: string[] = [];
  let sent = 0;
  for (const jump of Object.values(JUMPS)) {
    setClock(start + jump);
    for (const [age, expected] of [
      [0, 200],
      [TOLERANCE, 200],
      [-TOLERANCE, 200],
      [TOLERANCE + 1_000, 401],
      [-TOLERANCE - 1_000, 401],
      [jump, 401],
    ] as const) {
      expect([jump, age, await statusOf(signedAt(Date.now() - age))]).toEqual([jump, age, expected]);
      sent++;
    }
    // At one and the same millisecond, which comes again after every jump there and back.
    for (const time of [start, start + jump, start]) {
      setClock(time);
      const webhooks = Array.from({ length: 50 }, (_, index) =>
        fresh(index % 2 === 0 ? 'stripe' : 'whatsapp', undefined, markedUnique()),
      );
      const answers = await Promise.all(webhooks.map((webhook) => post(gateway.url, webhook)));
      expect(new Set(answers.map(({ accepted }) => accepted))).toEqual(new Set(['stored']));
      for (const { requestId } of answers) ids.add(requestId);
      keys.push(...webhooks.flatMap((webhook) => keysOf(webhook)));
      sent += webhooks.length;
    }
  }
  vi.useRealTimers();
  expect(ids.size).toBe(keys.length);
  const rows = await withClient(server.url(), async (client) => {
    const { rows: found } = await client.query<{ id: string; dedupe_key: string }>('SELECT id, dedupe_key FROM events');
    return found;
  });
  const stored = rows.map(({ dedupe_key }) => dedupe_key);
  expect(keys.filter((key) => !stored.includes(key))).toEqual([]);
  expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
  expect(new Set(stored).size).toBe(rows.length);
  addToReport({
    fault: 'clock jumps (injected)',
    requests: sent,
    refused: 0,
    spooled: 0,
    latency: null,
    spoolEmptyMs: null,
    lost: 0,
    twice: 0,
    note: 'outdated and future signatures answered 401',
  });
});

test.each(Object.entries(JUMPS))('%s while the spool is in use: everything is drained', async (_name, jump) => {
  await server.stop('immediate');
  const webhooks = Array.from({ length: 20 }, () => fresh('whatsapp', undefined, markedUnique()));
  const spooled = await Promise.all(webhooks.map((webhook) => post(gateway.url, webhook)));
  expect(new Set(spooled.map(({ accepted }) => accepted))).toEqual(new Set(['spooled']));
  setClock(Date.now() + jump);
  const late = fresh('stripe', undefined, markedUnique());
  expect((await post(gateway.url, late)).accepted).toBe('spooled');
  expect(await gateway.metric('webhook_spool_oldest_seconds')).toBeGreaterThanOrEqual(0);
  await server.start();
  await until('the spool to be empty', async () => (await gateway.metric('webhook_spool_records')) === 0);
  const answers = await Promise.all([...webhooks, late].map((webhook) => post(gateway.url, webhook)));
  expect(new Set(answers.map(({ accepted }) => accepted))).toEqual(new Set(['duplicate']));
});
