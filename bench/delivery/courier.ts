/** Those who bring the same bodies to the receiver, each in a process of its own: the gateway's worker, and what it is measured against. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { createSecretBox, newEncryptionKey, SECRETS_FIELD } from '../../src/core/secret-box.ts';
import { addDestination } from '../../test/support/deliveries.ts';
import { type Stores, startGateway, startRival } from '../rivals/rival.ts';
import type { StoredEvents } from './events.ts';
import type { Receiver } from './receiver.ts';

export interface Courier {
  readonly name: string;
  readonly pid: number;
  /** Makes everything ready that is not timed. */
  load(): Promise<void>;
  /** Lets it begin. */
  start(): Promise<void>;
  /** Resolves when it knows of everything that it has arrived. @throws Error if something has not, or only after a failure */
  settled(): Promise<void>;
  close(): Promise<void>;
}

export interface CourierOptions {
  readonly stores: Stores;
  readonly receiver: Receiver;
  readonly events: StoredEvents;
  readonly concurrency: number;
}

const ENCRYPTION_KEY = newEncryptionKey();
/** Events to the deliveries of one destination, as dispatch would have made them. */
const OWE = `
INSERT INTO deliveries (id, destination_id, event_id, request_id, source, provider, type, subject, state, next_attempt_at,
                        received_at, created_at)
SELECT uuidv7(), $1, id, request_id, source, provider, type, subject, 'pending', now(), received_at, now()
  FROM events ORDER BY id`;
const UNSETTLED = `
SELECT count(*)::int AS count FROM deliveries WHERE destination_id = $1 AND (state IN ('pending', 'sending'))`;
const BAD = `
SELECT count(*)::int AS count FROM deliveries WHERE destination_id = $1 AND (state <> 'delivered' OR attempts <> 1)`;

/** A backlog of one destination with Standard Webhooks signatures, which a daemon with `ROLE=worker` drains. */
export async function startWorker({ stores, receiver, concurrency }: CourierOptions): Promise<Courier> {
  const daemon = await startGateway(stores, deliveryEnvironment('worker'));
  const client = new pg.Client({ connectionString: stores.databaseUrl });
  await client.connect();
  const query = async (text: string, values: readonly unknown[] = []) => (await client.query(text, [...values])).rows;
  let destinationId = '';
  const count = async (text: string) => Number((await query(text, [destinationId]))[0]?.count);
  return {
    name: 'gateway',
    pid: daemon.pid,
    async load() {
      // A new one each time: a destination is owed an event once.
      destinationId = await openDestination({ query }, receiver.url, concurrency, 'paused');
      await query(OWE, [destinationId]);
    },
    async start() {
      await query(`UPDATE destinations SET state = 'active' WHERE id = $1`, [destinationId]);
      await query(`SELECT pg_notify('webhook_gateway_deliveries', '')`);
    },
    async settled() {
      while ((await count(UNSETTLED)) > 0) await sleep(50);
      const bad = await count(BAD);
      if (bad > 0) throw new Error(`${bad} deliveries were not delivered at their first attempt`);
    },
    async close() {
      await daemon.close();
      await client.end();
    },
  };
}

/** @returns its id. Format `event`, signed as Standard Webhooks asks for. */
export async function openDestination(
  database: Parameters<typeof addDestination>[0],
  url: string,
  concurrency: number,
  state: 'active' | 'paused' = 'active',
): Promise<string> {
  const id = crypto.randomUUID();
  const secret = `whsec_${Buffer.from('thirty-two bytes of the bench ..').toString('base64')}`;
  const sealed = createSecretBox([ENCRYPTION_KEY]).seal(secret, { destinationId: id, field: SECRETS_FIELD });
  return addDestination(database, {
    id,
    url,
    concurrency,
    state,
    format: 'event',
    signing: 'standard',
    secrets: [sealed],
  });
}

/** For a daemon that delivers to this machine. */
export function deliveryEnvironment(role: 'worker' | 'all'): Record<string, string> {
  return { ROLE: role, DELIVERY_ALLOW_NETWORKS: '127.0.0.1', ENCRYPTION_KEYS: ENCRYPTION_KEY };
}

/** @param script in `rivals`; is told what to do by messages, and answers each when it is done */
export async function startScript(name: string, script: string, options: CourierOptions): Promise<Courier> {
  const { stores, receiver, events, concurrency } = options;
  const rival = await startRival(name, script, stores, {
    RECEIVER_URL: receiver.url,
    BODIES: events.bodies,
    CONCURRENCY: String(concurrency),
  });
  const ask = async (order: 'load' | 'start' | 'settled') => {
    rival.child.send(order);
    await doneOf(rival.child, name, order);
  };
  return {
    name,
    pid: rival.pid,
    load: () => ask('load'),
    start: () => ask('start'),
    settled: () => ask('settled'),
    close: () => rival.close(),
  };
}

async function doneOf(child: ChildProcess, name: string, order: string): Promise<void> {
  const [answer] = (await once(child, 'message')) as [{ done?: string; error?: string }];
  if (answer.done !== order) throw new Error(`${name}: ${order} failed: ${answer.error}`);
}
