/**
 * How fast one worker drains a backlog of one destination, against bare undici and against BullMQ, which bring the same bodies to
 * the same receiver with the same concurrency; and how soon after its arrival an event is delivered while nothing waits.
 *
 * BullMQ's Redis has `appendfsync everysec`, as BullMQ's own guide for production asks for: a crash of that machine loses up to a
 * second of jobs. Of the gateway it loses none, since a claim waits for the disk.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { startRedisServer } from '../../test/support/redis-server.ts';
import { type Courier, startScript, startWorker } from '../delivery/courier.ts';
import { storeEvents } from '../delivery/events.ts';
import { Receiver } from '../delivery/receiver.ts';
import { type Bench, type Figure, type Measurement, median } from '../measurement.ts';
import { cpuMicroseconds } from '../processes.ts';
import { deliveryLatency } from './delivery-latency.ts';

const CONCURRENCIES = [16, 64];
/** Deliveries of a turn for each second that turns have: about what the gateway makes. */
const PER_SECOND = 6_000;
/** Turns of each for V8, which count for nothing. */
const WARM_UP = 2;
/** Rounds for those that were asked for: turns are short, and the machine has its moods. */
const roundsFor = (asked: number) => 2 * asked - 1;
/** Milliseconds for a turn. */
const TURN_TIMEOUT = 120_000;

export const deliveries: Measurement = async (bench) => {
  const stores = await bench.servers.stores('deliveries');
  const redis = await startRedisServer({ args: ['--appendonly', 'yes', '--appendfsync', 'everysec'] });
  const events = await storeEvents(bench, stores, bench.seconds * PER_SECOND);
  try {
    const figures: Figure[] = [];
    for (const concurrency of CONCURRENCIES) {
      const receiver = await Receiver.start();
      const options = { stores, receiver, events, concurrency };
      const couriers = [
        await startWorker(options),
        await startScript('undici', 'bare-undici.ts', options),
        await startScript('BullMQ', 'bullmq.ts', { ...options, stores: { ...stores, redisUrl: redis.url } }),
      ] as const;
      try {
        figures.push(...(await compare(bench, couriers, { receiver, events }, concurrency)));
      } finally {
        for (const courier of couriers) await courier.close();
        receiver.close();
      }
    }
    return [...figures, ...(await deliveryLatency(bench))];
  } finally {
    await events.remove();
    await redis.destroy();
  }
};

/** Of each round. */
type Rates = readonly number[];

interface Scene {
  readonly receiver: Receiver;
  readonly events: { readonly count: number; readonly bytes: number };
}

async function compare(
  bench: Bench,
  couriers: readonly [gateway: Courier, undici: Courier, bullmq: Courier],
  scene: Scene,
  concurrency: number,
): Promise<Figure[]> {
  const rates = new Map<Courier, number[]>(couriers.map((courier) => [courier, []]));
  for (let turn = 0; turn < WARM_UP; turn++) {
    for (const courier of couriers) await deliver(bench, courier, scene);
  }
  for (let round = 0; round < roundsFor(bench.rounds); round++) {
    for (const courier of couriers) {
      const { perSecond, cpu, postgresCpu } = await deliver(bench, courier, scene);
      rates.get(courier)?.push(perSecond);
      bench.log(
        `concurrency ${concurrency}: ${courier.name.padEnd(8)} ${Math.round(perSecond).toString().padStart(6)} deliveries/s   ` +
          `CPU ${cpu.toFixed(0)} us, PostgreSQL ${postgresCpu.toFixed(0)} us`,
      );
    }
  }
  const ratesOf = (courier: Courier): Rates => rates.get(courier) ?? [];
  const gateway = ratesOf(couriers[0]);
  const undici = ratesOf(couriers[1]);
  const bullmq = ratesOf(couriers[2]);
  const over = (rival: Rates) => median(gateway.map((rate, round) => rate / (rival[round] ?? Number.NaN)));
  const note = (rival: Rates) => `${Math.round(median(rival))}/s`;
  return [
    { name: `deliveries/s of one worker, concurrency ${concurrency}`, value: median(gateway) },
    { name: '  over bare undici', value: over(undici), required: 0.2, aim: 0.4, note: note(undici) },
    { name: '  over BullMQ', value: over(bullmq), note: note(bullmq) },
  ];
}

/** @throws Error unless each body has come exactly once */
async function deliver({ servers }: Bench, courier: Courier, { receiver, events }: Scene) {
  const { arrived } = await receiver.expect(events.count);
  // Before the deliveries are made: in life too they are sent moments after, and not right after a checkpoint, when each page
  // is written to the log as a whole.
  await servers.checkpoint();
  await courier.load();
  const cpuBefore = [cpuMicroseconds(courier.pid), servers.postgresCpu()] as const;
  await courier.start();
  // Not both at once: to ask whether it is done would be a load of its own.
  await inTime(arrived, courier.name);
  await courier.settled();
  const { requests, ids, bytes, seconds } = await receiver.received();
  if (requests !== events.count || ids !== events.count || bytes !== events.bytes) {
    throw new Error(
      `${courier.name}: ${requests} requests, ${ids} webhook-ids, ${bytes} bytes; not as many as there were`,
    );
  }
  return {
    perSecond: events.count / seconds,
    cpu: (cpuMicroseconds(courier.pid) - cpuBefore[0]) / events.count,
    postgresCpu: (servers.postgresCpu() - cpuBefore[1]) / events.count,
  };
}

async function inTime(arrived: Promise<unknown>, name: string): Promise<void> {
  const timeout = new AbortController();
  const late = sleep(TURN_TIMEOUT, undefined, { signal: timeout.signal }).then(() => {
    throw new Error(`${name}: not everything arrived within ${TURN_TIMEOUT / 1000} s`);
  });
  try {
    await Promise.race([arrived, late]);
  } finally {
    timeout.abort();
    late.catch(() => undefined);
  }
}
