/** What a receiver can do to a sender: every answer and every lack of one is told right, and nothing is left behind. */
import { getEventListeners, setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAddressGuard } from '../../src/delivery/address-guard.ts';
import { ANSWER_MAX_BYTES } from '../../src/delivery/exchange.ts';
import { createSender, type OutgoingRequest, type Sender } from '../../src/delivery/send.ts';
import { makeCertificate, opensslAvailable } from '../support/certificate.ts';
import * as receivers from '../support/receiver.ts';
import { type Behaviour, type Receiver, startReceiver } from '../support/receiver.ts';
import { until } from '../support/until.ts';

let receiver: Receiver;
let sender: Sender;
beforeEach(async () => {
  receiver = await startReceiver();
  sender = createSender({ guard: createAddressGuard({ allow: ['127.0.0.0/8'] }) });
});
afterEach(async () => {
  await sender.close();
  await receiver.close();
});

const send = (parts: Partial<OutgoingRequest> = {}) =>
  sender.send({
    url: receiver.url,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from('{"größe":1}'),
    timeoutMs: 30_000,
    signal: new AbortController().signal,
    ...parts,
  });
const sendTo = (behaviour: Behaviour, parts: Partial<OutgoingRequest> = {}) => {
  receiver.behave(behaviour);
  return send(parts);
};
const failure = (kind: string) => expect.objectContaining({ kind: 'failure', failure: kind });
const answered = (status: number, body?: Buffer) => ({
  kind: 'answer',
  answer: {
    status,
    headers: expect.any(Object),
    // Byte by byte `toEqual` takes a third of a second for 64 KiB.
    body: body === undefined ? expect.anything() : expect.toSatisfy((its: Buffer) => its.equals(body)),
  },
});
/** One is free again a moment after its answer has ended; whoever is quicker opens a second. */
const expectConnectionsUsedAgain = () => expect(receiver.connections()).toBeLessThanOrEqual(2);
/** Short for those who never answer, long enough for a busy machine to connect. */
const SHORT = { timeoutMs: 1_000 };

describe('a request', () => {
  it('is a POST of the exact bytes to the path with its query', async () => {
    expect(await send({ url: `${receiver.url}/a%20b?c=d&e=%2f` })).toEqual(answered(204));
    const [request] = receiver.received;
    expect(request).toMatchObject({ method: 'POST', path: '/hook/a%20b?c=d&e=%2f', body: Buffer.from('{"größe":1}') });
    expect(request?.headers).toEqual({
      host: `127.0.0.1:${receiver.port}`,
      connection: 'keep-alive',
      'content-type': 'application/json',
      'content-length': '13',
    });
  });

  it('never goes through a proxy of the environment', async () => {
    const proxy = await startReceiver();
    const variables = ['http_proxy', 'HTTP_PROXY', 'ALL_PROXY', 'NODE_USE_ENV_PROXY'];
    const before = variables.map((name) => [name, process.env[name]] as const);
    try {
      for (const name of variables) process.env[name] = name === 'NODE_USE_ENV_PROXY' ? '1' : proxy.url;
      const other = createSender({ guard: createAddressGuard({ allow: ['127.0.0.0/8'] }) });
      await other.send({
        url: receiver.url,
        headers: {},
        body: Buffer.from(''),
        timeoutMs: 30_000,
        signal: new AbortController().signal,
      });
      await other.close();
    } finally {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
      await proxy.close();
    }
    expect(proxy.connections()).toBe(0);
    expect(receiver.received).toHaveLength(1);
  });

  it('uses connections again', async () => {
    for (let number = 0; number < 10; number++) {
      expect(await sendTo(receivers.answer(200, {}, 'x'.repeat(number * 1_000)))).toEqual(answered(200));
    }
    expectConnectionsUsedAgain();
  });

  it('has a connection of its own while others are under way', async () => {
    receiver.behave((response, { path }) => (path.endsWith('slow') ? undefined : response.writeHead(204).end()));
    const giveUp = new AbortController();
    const slow = Array.from({ length: 8 }, () => send({ url: `${receiver.url}/slow`, signal: giveUp.signal }));
    expect(await send()).toEqual(answered(204));
    giveUp.abort();
    await Promise.all(slow);
  });
});

describe('an answer', () => {
  it.each([200, 201, 302, 400, 404, 410, 429, 500, 503])('of %d is told with its body', async (status) => {
    expect(await sendTo(receivers.answer(status, {}, 'because'))).toEqual(answered(status, Buffer.from('because')));
  });

  it('that redirects is not followed', async () => {
    const elsewhere = await startReceiver();
    for (const status of [301, 302, 307, 308]) {
      const result = await sendTo(receivers.answer(status, { location: elsewhere.url }));
      expect(result).toMatchObject({ kind: 'answer', answer: { status, headers: { location: elsewhere.url } } });
    }
    expect(elsewhere.connections()).toBe(0);
    await elsewhere.close();
  });

  it('is told with those headers that are worth keeping, cut where they are long', async () => {
    const headers = {
      'retry-after': '7',
      'x-request-id': 'r'.repeat(2_000),
      'set-cookie': ['a=1', 'b=2'],
      'x-whatever': 'x',
      date: 'today',
    };
    const result = await sendTo(receivers.answer(503, headers));
    const kept = { 'retry-after': '7', 'x-request-id': 'r'.repeat(500), date: 'today' };
    expect(result).toMatchObject({ kind: 'answer', answer: { headers: kept } });
    expect(result).not.toHaveProperty('answer.headers.set-cookie');
    expect(result).not.toHaveProperty('answer.headers.x-whatever');
  });

  it('after 102 Processing and 103 Early Hints is the one that counts', async () => {
    const behaviour: Behaviour = (response) => {
      response.writeProcessing();
      response.writeEarlyHints({ link: '</x>; rel=preload' });
      response.writeHead(201).end('made');
    };
    expect(await sendTo(behaviour)).toEqual(answered(201, Buffer.from('made')));
  });

  it('is read up to 64 KiB, then its connection is cut', async () => {
    const result = await sendTo(receivers.endless(200));
    expect(result).toEqual(answered(200, Buffer.alloc(ANSWER_MAX_BYTES, 'x')));
    await until('the connection to be closed', () => receiver.open() === 0);
  });

  it('of exactly 64 KiB leaves its connection open', async () => {
    const body = 'x'.repeat(ANSWER_MAX_BYTES);
    for (let number = 0; number < 10; number++) {
      expect(await sendTo(receivers.answer(200, {}, body))).toEqual(answered(200, Buffer.from(body)));
    }
    expectConnectionsUsedAgain();
  });

  it('counts by its status, even if the rest never comes or is cut', async () => {
    const beginning = Buffer.from('the beginning');
    expect(await sendTo(receivers.stuckAfterHeaders(200), SHORT)).toEqual(answered(200, beginning));
    expect(await sendTo(receivers.stuckAfterHeaders(500), SHORT)).toEqual(answered(500, beginning));
    expect(await sendTo(receivers.cutAfterHeaders(202))).toEqual(answered(202, beginning));
    await until('the connections to be closed', () => receiver.open() === 0);
  });
});

describe('no answer', () => {
  it('in time is a timeout, and the connection is cut', async () => {
    expect(await sendTo(receivers.silence, SHORT)).toEqual({
      kind: 'failure',
      failure: 'timeout',
      error: 'no answer within 1000 ms',
    });
    await until('the connection to be closed', () => receiver.open() === 0);
  });

  it('is prolonged by nothing: the deadline is for all of it', async () => {
    const drip: Behaviour = (response) => {
      response.writeProcessing();
      const timer = setInterval(() => response.writeProcessing(), 20);
      response.once('close', () => clearInterval(timer));
    };
    expect(await sendTo(drip, SHORT)).toEqual(failure('timeout'));
  });

  it('because the connection was cut is a failed connection', async () => {
    expect(await sendTo(receivers.cut)).toEqual(failure('connection'));
  });

  it('because what is there speaks no HTTP is a failed connection', async () => {
    expect(await sendTo(receivers.garbage)).toEqual(failure('connection'));
  });

  it('because nobody listens is a failed connection', async () => {
    const { url } = receiver;
    await receiver.close();
    const result = await send({ url });
    expect(result).toEqual({ kind: 'failure', failure: 'connection', error: 'the connection failed (ECONNREFUSED)' });
  });

  it('because no connection comes about is a timeout before anything was sent', async () => {
    // A name server that never says anything.
    const guard = createAddressGuard({ allow: [], resolve: () => undefined });
    const waiting = createSender({ guard });
    const parts = { headers: {}, body: Buffer.from('{}'), signal: new AbortController().signal };
    expect(await waiting.send({ ...parts, ...SHORT, url: 'http://slow.example/' })).toEqual({
      kind: 'failure',
      failure: 'timeout',
      error: 'no connection within 1000 ms',
    });
    const giveUp = AbortSignal.timeout(50);
    const given = waiting.send({ ...parts, timeoutMs: 30_000, signal: giveUp, url: 'http://slow.example/' });
    expect(await given).toEqual({ kind: 'aborted', sent: false });
    await waiting.close();
  });

  it('tells nothing of the URL', async () => {
    const { port } = receiver;
    await receiver.close();
    for (const url of [`http://127.0.0.1:${port}/secret?token=abc`, 'http://10.0.0.1/secret?token=abc']) {
      const result = await send({ url, ...SHORT });
      expect(JSON.stringify(result)).not.toMatch(/secret|token|abc/);
    }
  });
});

describe.runIf(opensslAvailable)('TLS (certificate made with openssl)', () => {
  it('with a certificate that is not trusted, or for another name, is a failure of its own; with a good one it works', async () => {
    const certificate = makeCertificate('127.0.0.1');
    const secure = await startReceiver({ tls: certificate });
    const trusting = createSender({ guard: createAddressGuard({ allow: ['127.0.0.0/8'] }), ca: certificate.cert });
    const parts = { headers: {}, body: Buffer.from('{}'), timeoutMs: 30_000, signal: new AbortController().signal };
    try {
      expect(await send({ url: secure.url })).toEqual(failure('tls'));
      expect(await send({ url: receiver.url.replace('http:', 'https:') })).toEqual(failure('tls'));
      expect(await trusting.send({ ...parts, url: secure.url })).toEqual(answered(204));
      const otherName = secure.url.replace('127.0.0.1', 'localhost');
      expect(await trusting.send({ ...parts, url: otherName })).toEqual(failure('tls'));
    } finally {
      await trusting.close();
      await secure.close();
    }
  });
});

describe('giving up', () => {
  it('before it began sends nothing', async () => {
    expect(await send({ signal: AbortSignal.abort() })).toEqual({ kind: 'aborted', sent: false });
    expect(receiver.received).toHaveLength(0);
  });

  it('while the receiver has it is told as such, and cuts the connection', async () => {
    const giveUp = new AbortController();
    const sending = sendTo(receivers.silence, { signal: giveUp.signal });
    await until('the request to arrive', () => receiver.received.length === 1);
    giveUp.abort();
    expect(await sending).toEqual({ kind: 'aborted', sent: true });
    await until('the connection to be closed', () => receiver.open() === 0);
  });

  it('after the status has come tells the status', async () => {
    // How long the status takes to get here nobody can see: longer and longer, until it has.
    let patience = 1;
    await until('a status to come first', async () => {
      patience *= 2;
      const result = await sendTo(receivers.stuckAfterHeaders(200), { signal: AbortSignal.timeout(patience) });
      return result.kind === 'answer' && result.answer.status === 200;
    });
  });

  it('by closing the sender leaves nothing open', async () => {
    const sending = [1, 2, 3].map(() => sendTo(receivers.silence));
    await until('all to arrive', () => receiver.received.length === 3);
    await sender.close();
    for (const result of await Promise.all(sending)) expect(result).toEqual(failure('connection'));
    await until('the connections to be closed', () => receiver.open() === 0);
  });
});

it('leaves no connection behind, whatever receivers do, a hundred times', async () => {
  const behaviours = [
    receivers.answer(200),
    receivers.answer(500, {}, 'x'.repeat(70_000)),
    receivers.silence,
    receivers.cut,
    receivers.endless(200),
    receivers.stuckAfterHeaders(200),
    receivers.cutAfterHeaders(200),
    receivers.garbage,
  ];
  receiver.behave((response, delivery) => behaviours[Number(delivery.path.slice(6))]?.(response, delivery));
  await Promise.all(
    Array.from({ length: 100 }, (_, number) =>
      send({ url: `${receiver.url}/${number % behaviours.length}`, timeoutMs: 500 }),
    ),
  );
  await sender.close();
  await until('every connection to be closed', () => receiver.open() === 0);
});

describe('memory', () => {
  /** Of each kind; every one has a body of its own, which whoever is kept of it keeps. */
  const SENT = 300;
  const AT_A_TIME = 100;
  const BODY_BYTES = 64 * 1024;
  /** A fourth of what the bodies of one kind come to. */
  const BOUND = (SENT * BODY_BYTES) / 4;

  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  /** What is collected is given back a moment later. */
  const usedAtRest = async () => {
    let least = Number.POSITIVE_INFINITY;
    for (let looks = 0; looks < 3; looks++) {
      const now = used();
      looks = now < least ? 0 : looks;
      least = Math.min(least, now);
      await sleep(10);
    }
    return least;
  };

  it.each<[string, Behaviour, number]>([
    ['endless bodies', receivers.endless(200), 30_000],
    ['cut connections', receivers.cut, 30_000],
    ['answers cut in their midst', receivers.cutAfterHeaders(200), 30_000],
    ['answers that never come', receivers.silence, 200],
    ['answers that never end', receivers.stuckAfterHeaders(200), 200],
  ])('is not kept for %s, nor are listeners', async (_, behaviour, timeoutMs) => {
    const { signal } = new AbortController();
    setMaxListeners(0, signal);
    /** With a receiver that is gone afterwards, and all that it has received. */
    const sendMany = async (count: number) => {
      const hostile = await startReceiver();
      hostile.behave(behaviour);
      const one = () =>
        sender.send({ url: hostile.url, headers: {}, body: Buffer.alloc(BODY_BYTES, 'x'), timeoutMs, signal });
      for (let sent = 0; sent < count; sent += AT_A_TIME) await Promise.all(Array.from({ length: AT_A_TIME }, one));
      await hostile.close();
    };
    // What is made once: code, pools, the first connections.
    await sendMany(AT_A_TIME);
    const before = await usedAtRest();
    await sendMany(SENT);
    await until(`less than ${BOUND} bytes more to be in use`, () => used() - before < BOUND);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});
