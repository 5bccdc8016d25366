/** The stream over a server that cuts, falls silent and ends as a gateway does, at the worst of moments. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ApiClient } from '../../../src/cli/api/api-client.ts';
import { followStream } from '../../../src/cli/api/follow-stream.ts';
import { readMessages } from '../../../src/cli/api/sse-client.ts';

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

let server: Server;
let answers: Answer[];
let requests: IncomingMessage[];
beforeEach(async () => {
  answers = [];
  requests = [];
  server = createServer((request, response) => {
    requests.push(request);
    (answers.shift() ?? ((last) => last.destroy()))(response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const base = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const ready = (position: number) => `retry: 1000\nevent: ready\ndata: {"position":${position}}\n\n`;
const end = (reason: string) => `event: end\ndata: {"reason":"${reason}"}\n\n`;
function webhook(position: number): string {
  const event = { id: `e${position}`, source: 's', provider: 'stripe', type: 't', subject: 'ü', receivedAt: 'then' };
  return `id: ${position}\nevent: webhook\ndata: ${JSON.stringify({ position, webhookId: `msg_${position}`, event })}\n\n`;
}
const stream = (text: string, then: (response: ServerResponse) => unknown = (response) => response.end()): Answer => {
  return (response) =>
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(text, () => then(response));
};

interface Followed {
  readonly positions: number[];
  readonly notices: string[];
  readonly error: Error | null;
}

/** Until so many have come, or it ends. */
async function follow(count: number): Promise<Followed> {
  const stop = new AbortController();
  const api = new ApiClient({ url: base(), key: 'k', keyName: 'the key of the test' });
  const positions: number[] = [];
  const notices: string[] = [];
  const onNotice = (notice: string) => notices.push(notice);
  try {
    for await (const { position } of followStream({ api, query: { types: ['t'] }, signal: stop.signal, onNotice })) {
      positions.push(position);
      if (positions.length === count) stop.abort();
    }
    return { positions, notices, error: null };
  } catch (error) {
    return { positions, notices, error: error as Error };
  }
}

test('after a cut, in the middle of an event too, it goes on behind the last whole one', async () => {
  const half = webhook(8).slice(0, 60);
  answers = [
    stream(`${ready(4)}${webhook(7)}${half}`, (response) => response.destroy()),
    (response) => response.destroy(),
    (response) => response.writeHead(503).end('{"error":{"message":"PostgreSQL does not answer"}}'),
    stream(`${ready(7)}${webhook(8)}${end('stopping')}`),
    stream(ready(8), (response) => response.write(webhook(9))),
  ];
  const { positions, notices, error } = await follow(3);
  expect([positions, error]).toEqual([[7, 8, 9], null]);
  expect(requests.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '7', '7', '7', '8']);
  expect(notices).toEqual([
    expect.stringMatching(/^The connection is cut \(.+\): trying again\.$/),
    'Connected again.',
    'The gateway stops: waiting for it to come back.',
    'Connected again.',
  ]);
});

test('if nothing has come yet it goes on where it began', async () => {
  answers = [stream(ready(4)), stream(`${ready(4)}${webhook(5)}`)];
  expect((await follow(1)).positions).toEqual([5]);
  expect(requests[1]?.headers['last-event-id']).toBe('4');
});

test.each([
  ['replaced', 'Somebody else'],
  ['removed', 'knows this follower no longer'],
  ['unauthorized', 'key opens nothing'],
])('it does not come back after %s', async (reason, sentence) => {
  answers = [stream(`${ready(4)}${webhook(5)}${end(reason)}`)];
  const { positions, error } = await follow(9);
  expect([positions, error?.message, requests.length]).toEqual([[5], expect.stringContaining(sentence), 1]);
});

test('what cannot pass ends it: at the first connection anything, later what the gateway refuses', async () => {
  expect((await follow(1)).error?.message).toMatch(/does not answer/);
  requests = [];
  answers = [
    stream(`${ready(4)}${webhook(5)}`),
    (response) => response.writeHead(401).end('{"error":{"message":"the key is revoked"}}'),
  ];
  const { positions, error } = await follow(9);
  expect([positions, error?.message]).toEqual([
    [5],
    expect.stringMatching(/^the key is revoked\. It was the key of the test/),
  ]);
});

test('a connection that says nothing any more is taken for dead; characters may be cut in two', async () => {
  const bytes = Buffer.from(webhook(1));
  const middle = bytes.indexOf(Buffer.from('ü')) + 1;
  async function* body(): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, middle);
    yield bytes.subarray(middle);
    await new Promise(() => undefined);
  }
  const messages: string[] = [];
  const read = async () => {
    for await (const { data } of readMessages(body(), 30)) messages.push(JSON.parse(data).event.subject);
  };
  await expect(read()).rejects.toThrow('nothing came for');
  expect(messages).toEqual(['ü']);
});
