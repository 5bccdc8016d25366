/** How soon an event is delivered by a daemon that does everything, to one destination for which nothing else waits. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { deliveryEnvironment, openDestination } from '../delivery/courier.ts';
import { Receiver } from '../delivery/receiver.ts';
import type { Figure, Measurement } from '../measurement.ts';
import { startGateway } from '../rivals/rival.ts';
import { takeTurn } from '../turn.ts';

/** Events a second. */
const PACE = 100;
const SECONDS = 15;
const CONCURRENCY = 16;

/** Arrival in milliseconds since 1970. */
const ARRIVALS = `SELECT 'msg_' || id AS id, extract(epoch FROM received_at)::float8 * 1000 AS at FROM deliveries`;

/** From the arrival of its webhook, so that the commit is in it, to the moment at which the receiver has read it. */
export const deliveryLatency: Measurement = async (bench) => {
  const stores = await bench.servers.stores('delivery_latency');
  const receiver = await Receiver.start();
  const client = new pg.Client({ connectionString: stores.databaseUrl });
  const daemon = await startGateway(stores, deliveryEnvironment('all'));
  await client.connect();
  const query = async (text: string, values: readonly unknown[] = []) => (await client.query(text, [...values])).rows;
  try {
    await openDestination({ query }, receiver.url, CONCURRENCY);
    const turn = async () => {
      await query('TRUNCATE deliveries, delivery_attempts');
      const { answered, latency } = await takeTurn(bench, daemon, {
        seconds: SECONDS,
        rate: PACE,
        prepare: PACE * 1.1,
      });
      while ((await receiver.received()).ids < answered) await sleep(50);
      return latency;
    };
    await receiver.expect();
    await turn();
    await receiver.expect();
    const answers = await turn();
    const { requests, times } = await receiver.received();
    if (requests !== times.length) throw new Error(`${requests} requests for ${times.length} deliveries`);
    const arrivals = new Map((await query(ARRIVALS)).map(({ id, at }) => [String(id), Number(at)]));
    const waits = times.map(([id, at]) => at - (arrivals.get(id) ?? Number.NaN)).sort((a, b) => a - b);
    const percentile = (share: number) => waits[Math.floor(share * (waits.length - 1))] ?? Number.NaN;
    const [p50, p99] = [percentile(0.5), percentile(0.99)];
    bench.log(
      `at ${PACE} events/s: ${waits.length} delivered, p50/p99 from arrival ${p50.toFixed(0)} / ${p99.toFixed(0)} ms; ` +
        `answered after the commit in ${answers.p50.toFixed(1)} / ${answers.p99.toFixed(1)} ms`,
    );
    const figures: Figure[] = [
      { name: `p50 from arrival to delivered, ${PACE}/s, idle destination`, value: p50, unit: 'ms' },
      { name: '  p99', value: p99, unit: 'ms' },
    ];
    return figures;
  } finally {
    await daemon.close();
    await client.end();
    receiver.close();
  }
};
