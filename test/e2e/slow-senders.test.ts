/** Senders that are slow, endless or many: they are cut, and live traffic is served all the while. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { FALSE_SIGNATURE, head, openRaw, type RawConnection } from '../support/raw-http.ts';
import { until } from '../support/until.ts';
import { fresh, PROVIDER_ENVIRONMENT, post, signed } from '../support/webhooks.ts';

const MIB = 1024 * 1024;
const BUDGET = 32 * MIB;

let database: TestDatabase;
let daemon: Daemon;

beforeAll(async () => {
  database = await createDatabase();
  daemon = await startDaemon({
    ...PROVIDER_ENVIRONMENT,
    DATABASE_URL: database.url,
    INGEST_MAX_BYTES: String(BUDGET),
    LOG_LEVEL: 'error',
    RATE_LIMIT_MAX: '1000000',
  });
});
afterAll(async () => {
  await daemon.dispose();
  await database.drop();
});

const residentBytes = () =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))?.[1]) * 1024;
const openMany = (count: number) => Promise.all(Array.from({ length: count }, () => openRaw(daemon.url)));
const expectServed = async () => {
  for (let index = 0; index < 5; index++) expect((await post(daemon.url, fresh('stripe'))).status).toBe(200);
};
/** What comes while the budget is full may be what is cut, where the machine is busy: as providers do, it is sent again. */
const expectTaken = async () => {
  for (let index = 0; index < 5; index++) {
    const webhook = fresh('stripe');
    await until('the webhook to be taken', async () => (await post(daemon.url, webhook)).status === 200);
  }
};

// Both wait for a limit of the daemon to pass.
test.concurrent('headers that never end are cut with 408', async ({ expect }) => {
  const connection = await openRaw(daemon.url);
  connection.write('POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\n');
  const drip = setInterval(() => connection.write('X-Drip: 1\r\n'), 500);
  const text = await connection.closed;
  clearInterval(drip);
  expect(text).toContain('HTTP/1.1 408');
  expect(text).toContain('"code":"too_slow"');
});

test.concurrent('a body of one byte a second is cut with 408, a slow but steady one is taken', async ({ expect }) => {
  const trickle = await openRaw(daemon.url);
  trickle.write(head({ 'Stripe-Signature': FALSE_SIGNATURE, 'Content-Length': MIB }));
  const drip = setInterval(() => trickle.write('x'), 500);
  const steady = await openRaw(daemon.url);
  const { body } = fresh('stripe');
  const padded = Buffer.concat([body, Buffer.alloc(90_000, 0x20)]);
  const webhook = signed('stripe', padded);
  steady.write(head({ ...webhook.headers, 'Content-Length': padded.length, Connection: 'close' }));
  let sent = 0;
  const flow = setInterval(() => {
    steady.write(padded.subarray(sent, sent + 10_000));
    sent += 10_000;
    if (sent >= padded.length) clearInterval(flow);
  }, 400);
  expect(await trickle.closed).toContain('HTTP/1.1 408');
  clearInterval(drip);
  expect(await steady.closed).toContain('HTTP/1.1 200');
});

test('an endless body is answered 413 and cut', async () => {
  const connection = await openRaw(daemon.url);
  connection.write(head({ 'Stripe-Signature': FALSE_SIGNATURE, 'Transfer-Encoding': 'chunked' }));
  const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(0x10000, 0x20), Buffer.from('\r\n')]);
  const flood = setInterval(() => connection.socket.writableLength < MIB && connection.write(chunk), 1);
  const text = await connection.closed;
  clearInterval(flood);
  expect(text).toContain('HTTP/1.1 413');
});

const BODY_LENGTH = 4 * MIB;
const CHUNK = Buffer.alloc(128 * 1024, 0x20);

const isOver = ({ received, socket }: RawConnection) => received().startsWith('HTTP/1.1 4') || socket.destroyed;

/**
 * Sends the body as fast as it is taken, until its end or an answer. One piece in a turn of the event loop: with more, no
 * answer could be seen before most of the 4 GB of a thousand senders were on their way, which is work of ours alone.
 */
function sendBody(connection: RawConnection, left = BODY_LENGTH): void {
  if (left === 0 || isOver(connection)) return;
  connection.socket.write(CHUNK, () => setImmediate(sendBody, connection, left - CHUNK.length));
}

/**
 * Posts 4 MiB over each connection, as fast as it is taken, until each is answered or cut. Resolves to the most bytes that
 * the daemon had in memory meanwhile.
 */
async function flood(connections: readonly RawConnection[], headers: Record<string, string>): Promise<number> {
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, residentBytes());
  }, 50);
  for (const connection of connections) {
    connection.write(head({ ...headers, 'Content-Length': BODY_LENGTH }));
    sendBody(connection);
  }
  await until('every connection to be answered or cut', () => connections.every(isOver));
  clearInterval(watch);
  for (const { socket } of connections) socket.destroy();
  return peak;
}

test('1,000 connections with unsigned bodies of 4 MiB do not grow memory', async () => {
  await expectServed();
  const before = residentBytes();
  const connections = await openMany(1_000);
  const [peak] = await Promise.all([flood(connections, {}), expectServed()]);
  expect(new Set(connections.map(({ received }) => received().slice(0, 12)))).toEqual(new Set(['HTTP/1.1 401']));
  expect(peak - before).toBeLessThan(150 * MIB);
});

test('200 connections with falsely signed bodies of 4 MiB stay within the byte budget', async () => {
  await expectServed();
  const before = residentBytes();
  const connections = await openMany(200);
  const [peak] = await Promise.all([flood(connections, { 'Stripe-Signature': FALSE_SIGNATURE }), expectTaken()]);
  // What is held, the copies made when a body is put together, and the buffers of 200 sockets.
  expect(peak - before).toBeLessThan(BUDGET + 200 * MIB);
  await expectServed();
});

test('1,000 senders that announce 4 MiB and send a byte now and then are cut, and others are served meanwhile', async () => {
  const connections = await openMany(1_000);
  for (const connection of connections) {
    connection.write(head({ 'Stripe-Signature': FALSE_SIGNATURE, 'Content-Length': 4 * MIB }));
    connection.write('x');
  }
  await expectServed();
  const texts = await Promise.all(connections.map(({ closed }) => closed));
  expect(new Set(texts.map((text) => text.slice(0, 12)))).toEqual(new Set(['HTTP/1.1 408']));
  await expectServed();
});
