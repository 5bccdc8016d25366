/** BullMQ: a queue in Redis, and one worker that posts the body of each job with undici. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Job, Queue, Worker } from 'bullmq';
import { Pool } from 'undici';
import { obey } from './orders.ts';

const { RECEIVER_URL = '', BODIES = '', CONCURRENCY = '', REDIS_URL = '' } = process.env;
const NAME = `deliveries-${CONCURRENCY}`;
/** Jobs of one command. */
const CHUNK = 1_000;
/** The schedule of a new destination of the gateway is about this. */
const RETRIES = { attempts: 8, backoff: { type: 'exponential', delay: 5_000 } } as const;

interface Delivery {
  readonly id: string;
  readonly body: string;
}

const { origin, pathname: path } = new URL(RECEIVER_URL);
const { hostname: host, port } = new URL(REDIS_URL);
const connection = { host, port: Number(port), maxRetriesPerRequest: null };
const concurrency = Number(CONCURRENCY);
const pool = new Pool(origin, { connections: concurrency, pipelining: 1 });
const bodies = (await readFile(BODIES, 'utf8')).split('\n');
const queue = new Queue<Delivery>(NAME, { connection });
const worker = new Worker<Delivery>(NAME, post, { connection, concurrency });
worker.on('error', () => undefined);
await worker.waitUntilReady();
let loaded = 0;

obey({
  async load() {
    await queue.pause();
    for (let from = 0; from < bodies.length; from += CHUNK) {
      const jobs = bodies.slice(from, from + CHUNK).map((body) => ({
        name: 'delivery',
        data: { id: `msg_${randomUUID()}`, body },
        opts: RETRIES,
      }));
      await queue.addBulk(jobs);
    }
    loaded += bodies.length;
  },
  async start() {
    await queue.resume();
  },
  async settled() {
    while ((await queue.getCompletedCount()) < loaded) await sleep(20);
  },
});

async function post({ data }: Job<Delivery>): Promise<void> {
  const headers = { 'content-type': 'application/json', 'webhook-id': data.id };
  const { statusCode, body } = await pool.request({ path, method: 'POST', headers, body: data.body });
  await body.dump();
  if (statusCode !== 204) throw new Error(`the receiver answered ${statusCode}`);
}
