/** Server-Sent Events over real connections, with times that are short. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, type Socket } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, expect, test } from 'vitest';
import { StoreError } from '../../../src/core/errors.ts';
import { apiRoutes } from '../../../src/http/api/api-scope.ts';
import { EventStream, endpoint, type ServerSentEvent } from '../../../src/http/api/endpoint.ts';
import type { StreamTimes } from '../../../src/http/api/event-stream.ts';
import { openStream, type StreamClient } from '../../support/event-stream.ts';
import { until } from '../../support/until.ts';

const NEVER = 1_000_000;
const TIMES: StreamTimes = { keepAlive: NEVER, stalled: NEVER, lastWords: NEVER, trusted: NEVER };

let app: FastifyInstance;
const sockets: Socket[] = [];
const clients: StreamClient[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const client of clients.splice(0)) client.close();
  await app.close();
});

interface Served {
  readonly base: string;
  readonly ending: AbortController;
  asked(): boolean;
  closed(): boolean;
}

/** Serves these messages, then whatever comes until the stream is closed. */
async function serve(
  messages: readonly ServerSentEvent[],
  { times = {}, stillMay = async () => true }: { times?: Partial<StreamTimes>; stillMay?: () => Promise<boolean> } = {},
): Promise<Served> {
  const ending = new AbortController();
  let [asked, closed] = [false, false];
  async function* all(): AsyncGenerator<ServerSentEvent> {
    yield* messages;
    if (!ending.signal.aborted) await once(ending.signal, 'abort');
    if (!closed) yield { event: 'end', data: '{"reason":"stopping"}' };
  }
  const close = () => {
    closed = true;
    ending.abort();
  };
  const stream = endpoint({
    method: 'GET',
    path: '/stream',
    scope: 'read',
    summary: '',
    success: { status: 200, description: '', contentType: 'text/event-stream' },
    async handle() {
      asked = true;
      return new EventStream({ messages: all(), ending: ending.signal, close });
    },
  });
  const auth = {
    install: () => undefined,
    check: async () => undefined,
    actor: () => ({ actor: '', ip: '' }),
    stillMay,
  };
  app = Fastify({ forceCloseConnections: true });
  await app.register(apiRoutes({ endpoints: [stream], auth, origins: [], streamTimes: { ...TIMES, ...times } }));
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  return { base: `http://127.0.0.1:${port}/api/v1`, ending, asked: () => asked, closed: () => closed };
}

async function open({ base }: Served): Promise<StreamClient> {
  const client = await openStream(base);
  clients.push(client);
  return client;
}

/** A client that asks, and reads nothing. */
async function ask({ base }: Served): Promise<Socket> {
  const { hostname, port } = new URL(base);
  const socket = connect(Number(port), hostname).pause();
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write('GET /api/v1/stream HTTP/1.1\r\nhost: x\r\n\r\n');
  return socket;
}

const ready = { event: 'ready', data: '{"position":1}' };
const ofBytes = (bytes: number) => ({ id: 2, event: 'webhook', data: JSON.stringify('x'.repeat(bytes)) });
/** More than all buffers on the way hold. */
const HUGE = 32 * 1024 * 1024;

test('comments keep it open, and never stand within an event', async () => {
  const client = await open(await serve([ready, ofBytes(1_000_000)], { times: { keepAlive: 1 } }));
  await until('the event', () => client.frames.some(({ event }) => event === 'webhook'));
  await until('comments', () => client.frames.filter(({ alive }) => alive).length > 3);
  expect(client.events()).toEqual(['x'.repeat(1_000_000)]);
});

test('it ends when the key opens nothing any more, and goes on while that cannot be said', async () => {
  let looks = 0;
  const stillMay = async () => {
    if (++looks < 4) throw new StoreError('unavailable', 'away');
    return looks < 6;
  };
  const served = await serve([ready], { times: { keepAlive: 5 }, stillMay });
  const client = await open(served);
  expect(await client.ended()).toBe('unauthorized');
  expect(looks).toBe(6);
  expect(served.closed()).toBe(true);
});

test('nothing of an event is written once the key is found to open nothing', async () => {
  const looks = [true, true, false];
  const stillMay = async () => looks.shift() ?? false;
  const served = await serve([ready, ofBytes(1), ofBytes(2)], { times: { trusted: 0 }, stillMay });
  const client = await open(served);
  expect(await client.ended()).toBe('unauthorized');
  expect(client.events()).toEqual(['x']);
  expect(looks).toEqual([]);
  expect(served.closed()).toBe(true);
});

test('a key that was found good just now is not looked up for every event', async () => {
  let looks = 0;
  const stillMay = async () => ++looks > 0;
  const client = await open(
    await serve(
      Array.from({ length: 50 }, () => ofBytes(1)),
      { stillMay },
    ),
  );
  await client.count(50);
  expect(looks).toBe(0);
});

test('no character is torn, wherever a piece ends', async () => {
  const data = ['', 'x'].map((before) => JSON.stringify(before + '😀'.repeat(100_000)));
  const client = await open(await serve(data.map((text) => ({ event: 'webhook', data: text }))));
  const events: readonly unknown[] = await client.count(2);
  expect(events.map((event) => event === JSON.parse(data[events.indexOf(event)] ?? ''))).toEqual([true, true]);
});

test('a client that reads nothing is cut off', async () => {
  const served = await serve([ready, ofBytes(HUGE)], { times: { stalled: 50 } });
  const socket = await ask(served);
  await until('the stream to be closed', served.closed);
  socket.resume();
  await once(socket, 'close');
});

test('a stop waits for such a client no longer than it takes to read a few last words', async () => {
  const served = await serve([ready, ofBytes(HUGE)], { times: { lastWords: 50 } });
  await ask(served);
  await until('the request', served.asked);
  served.ending.abort();
  await until('the stream to be closed', served.closed);
});

test('a client that goes is noticed', async () => {
  const served = await serve([ready]);
  const client = await open(served);
  await client.ready();
  client.close();
  await until('the stream to be closed', served.closed);
});

test('a stop is told', async () => {
  const served = await serve([ready], { times: { lastWords: 5_000 } });
  const client = await open(served);
  await client.ready();
  served.ending.abort();
  expect(await client.ended()).toBe('stopping');
});

test('a HEAD has the headers and no stream', async () => {
  const served = await serve([ready]);
  const { status, headers } = await fetch(`${served.base}/stream`, { method: 'HEAD' });
  expect([status, headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
  expect(served.asked()).toBe(false);
});
