/** One of two destinations is down for long: the other one does not feel it, and what waited is delivered at the pace that was agreed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Latency, latencyOf } from '../support/percentiles.ts';
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts';
import { until } from '../support/until.ts';
import { openDestination, settleDeliveries, withDeliveries } from './delivery-row.ts';
import { BACKLOG, DELIVERY_LIMITS, FULL, WORKERS } from './form.ts';
import { startReceiving } from './receiving.ts';
import type { Receipt } from './receiving-process.ts';
import type { Row } from './row.ts';

let server: PostgresServer;
beforeAll(async () => {
  // Each row then tells when it was committed, by the clock of the one server.
  server = await startPostgresServer({ settings: { track_commit_timestamp: 'on' } });
});
afterAll(() => server.destroy());

/** Milliseconds until it is noticed that a destination is back: the longest pause between two probes, and some more. */
const NOTICED_WITHIN = 330_000;
/** Copies of one event that a webhook brought, and what is owed of them. Ids begin with the time, as all do. */
const ADD_BACKLOG = `
WITH sample AS (SELECT * FROM events WHERE source = 'whatsapp' LIMIT 1), number AS (
  SELECT n, (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid AS id
    FROM generate_series(1, $2::int) AS n
), copied AS (
  INSERT INTO events (id, request_id, source, provider, type, dedupe_key, subject, occurred_at, received_at, payload)
  SELECT number.id, request_id, source, provider, type, dedupe_key || '_' || n, subject, occurred_at, now(), payload
    FROM sample, number
)
INSERT INTO deliveries (id, destination_id, event_id, request_id, source, provider, type, subject, state, next_attempt_at,
                        received_at, created_at)
SELECT number.id, $1, number.id, request_id, source, provider, type, subject, 'pending', now(), now(), now() FROM sample, number`;

const COPY = /-7000-8000-0000/;

/** Of deliveries whose event was committed between two moments, milliseconds from that commit to their own as delivered. */
const LATENCIES = `
SELECT extract(epoch FROM pg_xact_commit_timestamp(d.xmin) - pg_xact_commit_timestamp(e.xmin))::float8 * 1000 AS ms
  FROM deliveries d JOIN events e ON e.id = d.event_id
 WHERE d.destination_id = $1 AND d.state = 'delivered'
   AND pg_xact_commit_timestamp(e.xmin) >= $2 AND pg_xact_commit_timestamp(e.xmin) < $3`;

test(`a destination down with ${BACKLOG.deliveries} deliveries waiting`, async () => {
  const fault = `one of two destinations down, ${BACKLOG.deliveries} deliveries waiting`;
  const failing = await startReceiving();
  try {
    await withDeliveries({ fault, postgres: server, workers: WORKERS }, async ({ row, receiver }) => {
      const healthy = await openDestination({ row, receiver }, 'healthy');
      const limits = { rate_per_second: BACKLOG.ratePerSecond };
      const down = await openDestination({ row, receiver: failing }, 'down', limits);
      await row.startSender();
      await row.more('200 stored', 100);
      const before = await watched();

      await failing.stop();
      const stoppedAt = Date.now();
      await row.query(ADD_BACKLOG, [down, BACKLOG.deliveries]);
      await until('it to be found down', () => isFoundDown(row, down));
      await row.sender.enter('fault');
      const during = await watched();

      await row.sender.enter('recovery');
      const waiting = await waitingAt(row, down);
      expect(waiting).toBeGreaterThanOrEqual(BACKLOG.deliveries);
      const earlier = await failing.count();
      const from = new Date();
      await failing.startAgain();
      if (!FULL)
        await row.query('UPDATE destination_state SET next_probe_at = now() WHERE destination_id = $1', [down]);
      await until('it to be found back', async () => !(await isFoundDown(row, down)), NOTICED_WITHIN);
      const patience = (4_000 * waiting) / BACKLOG.ratePerSecond + 30_000;
      await until('the backlog to be gone', async () => (await failing.count()) - earlier >= waiting, patience);
      const draining: Span = [from, new Date()];

      let rate = 0;
      let p99 = 0;
      await settleDeliveries(row, {
        others: BACKLOG.deliveries,
        owes: (eventId, destination) => destination === 'down' || !COPY.test(eventId),
        explains: ({ path, at }) => path === '/down' && at <= stoppedAt,
        receipts: async () => [...(await receiver.receipts()), ...(await failing.receipts())],
        async note() {
          rate = drainRate((await failing.receipts()).slice(earlier), waiting);
          const of = {
            before: await latency(row, healthy, before),
            during: await latency(row, healthy, during),
            draining: await latency(row, healthy, draining),
          };
          p99 = of.during.p99;
          return [
            `the other one, commit to delivered: ${inWords(of.during)}`,
            `${inWords(of.before)} before, ${inWords(of.draining)} during the drain`,
            `drained at ${rate.toFixed(0)}/s of ${BACKLOG.ratePerSecond}/s`,
          ].join('; ');
        },
      });
      expect(rate / BACKLOG.ratePerSecond).toBeLessThan(DELIVERY_LIMITS.fastest);
      if (!FULL) return;
      expect(rate / BACKLOG.ratePerSecond).toBeGreaterThan(DELIVERY_LIMITS.slowest);
      expect(p99).toBeLessThan(DELIVERY_LIMITS.p99Ms);
    });
  } finally {
    await failing.kill();
  }
});

const inWords = ({ p50, p99 }: Latency) => `median ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`;

type Span = readonly [from: Date, to: Date];

async function watched(): Promise<Span> {
  const from = new Date();
  await sleep(BACKLOG.seconds * 1_000);
  return [from, new Date()];
}

async function isFoundDown(row: Row, destinationId: string): Promise<boolean> {
  const sql = 'SELECT FROM destination_state WHERE destination_id = $1 AND circuit_open';
  return (await row.query(sql, [destinationId])).length === 1;
}

async function waitingAt(row: Row, destinationId: string): Promise<number> {
  const [counted] = await row.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM deliveries WHERE destination_id = $1 AND state = 'pending'`,
    [destinationId],
  );
  return counted?.n ?? 0;
}

async function latency(row: Row, destinationId: string, span: Span): Promise<Latency> {
  const rows = await row.query<{ ms: number }>(LATENCIES, [destinationId, ...span]);
  return latencyOf(rows.map(({ ms }) => ms));
}

/**
 * Deliveries a second, without the last tenth. What was saved up while it was down, a second's worth, does not count: it is spent
 * beside the rest, as fast as the receiver takes it.
 */
function drainRate(receipts: readonly Receipt[], waiting: number): number {
  const last = Math.floor(waiting * 0.9);
  const seconds = ((receipts[last]?.at ?? 0) - (receipts[0]?.at ?? 0)) / 1_000;
  return (last - BACKLOG.ratePerSecond) / seconds;
}
