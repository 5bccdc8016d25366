/**
 * The least that a durable receiver can do with the same parts: Fastify as it comes, the gateway's own check of the signature
 * and its own reading of the body, and one table with one index besides its primary key, filled in batches of what waits, two
 * at a time. No Redis, no spool, no limits, no metrics, no headers kept, no mark for dispatch. What it reaches is the limit of
 * what leaving things out of the gateway could bring.
 */
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import pg from 'pg';
import { rowId } from '../../src/core/row-id.ts';
import { stripe } from '../../src/providers/stripe/index.ts';
import { byteaArray, jsonbArray, textArray, uuidArray } from '../../src/storage/postgres/binary-arrays.ts';

interface Waiting {
  readonly id: string;
  readonly key: string;
  readonly payload: string | null;
  readonly body: Buffer;
  readonly resolve: () => void;
}

const { DATABASE_URL = '', STRIPE_WEBHOOK_SECRET = '' } = process.env;
const FLIGHTS = 2;
const LAUNCH_AT = 16;
const INSERT = {
  name: 'insert',
  text: 'INSERT INTO webhooks SELECT * FROM unnest($1::uuid[], $2::text[], $3::jsonb[], $4::bytea[]) ON CONFLICT DO NOTHING',
};

const pool = new pg.Pool({ connectionString: DATABASE_URL, max: FLIGHTS });
await pool.query(
  'CREATE TABLE webhooks (id uuid PRIMARY KEY, key text COLLATE "C" UNIQUE, payload jsonb NOT NULL, body bytea NOT NULL)',
);

let queue: Waiting[] = [];
let flights = 0;
let launching = false;

async function fly(): Promise<void> {
  const batch = queue;
  queue = [];
  flights++;
  const values = [
    uuidArray(batch.map(({ id }) => id)),
    textArray(batch.map(({ key }) => key)),
    jsonbArray(batch.map(({ payload }) => payload)),
    byteaArray(batch.map(({ body }) => body)),
  ];
  await pool.query({ ...INSERT, values });
  for (const { resolve } of batch) resolve();
  flights--;
  launchSoon();
}

function launchSoon(): void {
  if (launching) return;
  launching = true;
  setImmediate(() => {
    launching = false;
    if (queue.length > 0 && flights < FLIGHTS) void fly();
  });
}

function keep(waiting: Omit<Waiting, 'resolve'>): Promise<void> {
  return new Promise((resolve) => {
    queue.push({ ...waiting, resolve });
    if (queue.length >= LAUNCH_AT && flights < FLIGHTS) void fly();
    else launchSoon();
  });
}

const app = Fastify();
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
app.post('/webhooks/stripe', async (request, reply) => {
  const body = request.body as Buffer;
  const receivedAt = new Date();
  const { ok } = stripe.verify({
    body,
    header: String(request.headers['stripe-signature']),
    secrets: [STRIPE_WEBHOOK_SECRET],
    now: receivedAt,
    toleranceSeconds: 300,
  });
  if (!ok) return reply.code(401).send();
  const id = rowId();
  const [event] = stripe.parse({ body, requestId: id, receivedAt });
  if (event === undefined) return reply.code(503).send();
  await keep({ id, key: event.dedupeKey, payload: event.payload, body });
  return { received: true };
});
await app.listen({ port: 0, host: '127.0.0.1' });
process.send?.({ port: (app.server.address() as AddressInfo).port });
