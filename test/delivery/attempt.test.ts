/** From what was leased to what is reported, against a real receiver and a real Redis. */
import { Webhook } from 'standardwebhooks';
import Stripe from 'stripe';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AttemptReport } from '../../src/core/delivery.ts';
import type { StreamSink } from '../../src/core/sink.ts';
import { createAddressGuard } from '../../src/delivery/address-guard.ts';
import { type AttemptResult, createAttempt } from '../../src/delivery/attempt.ts';
import { createSender, type Sender } from '../../src/delivery/send.ts';
import { origins, providers } from '../../src/providers/index.ts';
import { createRedisConnection } from '../../src/storage/redis/connection.ts';
import { createRedisStreamSink } from '../../src/storage/redis/stream-sink.ts';
import { readFixture } from '../support/fixtures.ts';
import { DESTINATION, EVENT, type LeasedParts, leased, requestOf } from '../support/leased-delivery.ts';
import * as receivers from '../support/receiver.ts';
import { type Receiver, startReceiver } from '../support/receiver.ts';
import { describeWithRedis } from '../support/redis-suites.ts';
import { until } from '../support/until.ts';

const OWNER = '01900000-0000-7000-8000-0000000000aa';
const NOW = new Date('2026-11-20T10:00:02Z');

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

interface Surroundings {
  readonly sink?: StreamSink | null;
  readonly signal?: AbortSignal;
  readonly now?: Date;
}

function attempt(
  parts: LeasedParts = {},
  { sink = null, signal, now = NOW }: Surroundings = {},
): Promise<AttemptResult> {
  const make = createAttempt({
    sender,
    sink,
    origins,
    userAgent: 'webhook-gateway/test',
    owner: OWNER,
    clock: () => now,
    random: () => 0.5,
  });
  const target = { kind: 'http', url: receiver.url } as const;
  const delivery = leased({ ...parts, destination: { target, ...parts.destination } });
  return make(delivery, signal ?? new AbortController().signal);
}
async function reportOf(parts?: LeasedParts, surroundings?: Surroundings): Promise<AttemptReport> {
  const result = await attempt(parts, surroundings);
  if (result.kind !== 'report') throw new Error(`it is ${result.kind}`);
  return result.report;
}

describe('an attempt', () => {
  it('that is answered 2xx is reported as delivered, with all that is known of it', async () => {
    receiver.behave(receivers.answer(201, { server: 'shop', 'set-cookie': 'a=b' }, 'thanks'));
    const report = await reportOf({ attempts: 2, probe: true });
    expect(report).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      owner: OWNER,
      deliveryId: '01900000-0000-7000-8000-000000000001',
      destinationId: DESTINATION.id,
      number: 3,
      startedAt: NOW,
      durationMs: expect.any(Number),
      answer: { status: 201, headers: expect.objectContaining({ server: 'shop' }), body: Buffer.from('thanks') },
      failure: null,
      error: null,
      next: { state: 'delivered' },
      destinationHealthy: true,
      probe: true,
      retryAfterMs: null,
      pause: null,
    });
    expect(receiver.received[0]?.headers['x-webhook-attempt']).toBe('3');
  });

  it('carries the same id and the same bytes each time', async () => {
    for (const attempts of [0, 1, 2]) await attempt({ attempts });
    const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
    expect(ids).toEqual(Array(3).fill('msg_01900000-0000-7000-8000-000000000001'));
    expect(new Set(receiver.received.map(({ body }) => body.toString())).size).toBe(1);
  });

  it('arrives such that the receiver’s library accepts it', async () => {
    const secret = `whsec_${Buffer.from('a secret of thirty-two bytes ...').toString('base64')}`;
    await attempt({ destination: { signing: 'standard', secrets: [secret] } }, { now: new Date() });
    const body = readFixture('stripe', 'payment-intent-succeeded');
    const native = { format: 'native', signing: 'provider', secrets: ['whsec_ours'] } as const;
    await attempt({ request: requestOf(providers.stripe, body), destination: native }, { now: new Date() });
    const [standard, stripe] = receiver.received;
    const headers = standard?.headers as Record<string, string>;
    expect(new Webhook(secret).verify(standard?.body.toString() ?? '', headers)).toMatchObject({ id: EVENT.id });
    expect(stripe?.body).toEqual(body);
    const signature = stripe?.headers['stripe-signature'] ?? '';
    expect(Stripe.webhooks.constructEvent(stripe?.body ?? '', signature, 'whsec_ours').type).toBe(
      'payment_intent.succeeded',
    );
  });

  it.each([
    ['is refused', receivers.answer(400), { failure: 'status', destinationHealthy: null }],
    ['finds nobody', receivers.answer(404), { failure: 'status', destinationHealthy: false }],
    ['breaks the receiver', receivers.answer(500), { failure: 'status', destinationHealthy: false }],
    ['is sent elsewhere', receivers.answer(302, { location: '/' }), { failure: 'redirect', destinationHealthy: false }],
    ['is cut', receivers.cut, { failure: 'connection', destinationHealthy: false }],
    ['is answered without end', receivers.endless(500), { failure: 'status', destinationHealthy: false }],
  ])('that %s is tried again by the schedule', async (_, behaviour, expected) => {
    receiver.behave(behaviour);
    const report = await reportOf({ attempts: 1 });
    expect(report).toMatchObject({ ...expected, number: 2, pause: null, next: { state: 'pending', inMs: 30_000 } });
    expect(report.error).not.toBeNull();
  });

  it('without an answer in the destination’s time is a timeout', async () => {
    receiver.behave(receivers.silence);
    const report = await reportOf({ destination: { timeoutMs: 1_000 } });
    expect(report).toMatchObject({ failure: 'timeout', answer: null, error: 'no answer within 1000 ms' });
    expect(report.durationMs).toBeGreaterThanOrEqual(999);
  });

  it.each([
    ['600', 600_000],
    ['Fri, 20 Nov 2026 10:10:02 GMT', 600_000],
    ['1', 5_000],
  ])('that is told to come back (%s) does so, if that is later than the schedule', async (retryAfter, inMs) => {
    for (const status of [429, 500, 503]) {
      receiver.behave(receivers.answer(status, { 'retry-after': retryAfter }));
      expect((await reportOf()).next).toEqual({ state: 'pending', inMs });
    }
  });

  it('that is answered 410 pauses the destination, and is tried when that goes on', async () => {
    receiver.behave(receivers.answer(410));
    expect(await reportOf()).toMatchObject({
      failure: 'gone',
      pause: 'it answered 410 Gone',
      next: { state: 'pending' },
    });
  });

  it.each([
    ['600', 600_000],
    ['Fri, 20 Nov 2026 10:10:02 GMT', 600_000],
    ['0', 5_000],
  ])('that is answered 410 pauses it also if it is told to come back (%s)', async (retryAfter, inMs) => {
    receiver.behave(receivers.answer(410, { 'retry-after': retryAfter }));
    expect(await reportOf()).toMatchObject({
      failure: 'gone',
      pause: 'it answered 410 Gone',
      next: { state: 'pending', inMs },
    });
  });

  it('by the default schedule is the last after eleven others', async () => {
    receiver.behave(receivers.answer(500));
    const seconds: number[] = [];
    for (let attempts = 0; ; attempts++) {
      const { number, next } = await reportOf({ attempts });
      expect(number).toBe(attempts + 1);
      if (next.state !== 'pending') break;
      seconds.push(next.inMs / 1000);
    }
    expect(seconds).toEqual(DESTINATION.retrySchedule);
    expect(receiver.received.map(({ headers }) => headers['x-webhook-attempt'])).toEqual(
      Array.from({ length: 12 }, (_, index) => `${index + 1}`),
    );
  });

  it('is the last where the schedule ends', async () => {
    receiver.behave(receivers.answer(500));
    const destination = { retrySchedule: [1, 1] };
    expect((await reportOf({ attempts: 1, destination })).next).toEqual({ state: 'pending', inMs: 1_000 });
    expect((await reportOf({ attempts: 2, destination })).next).toEqual({ state: 'dead' });
  });
});

describe('without a request an attempt', () => {
  afterEach(() => expect(receiver.received).toHaveLength(0));

  it('is dead where there is nothing to send', async () => {
    const original = { format: 'original' } as const;
    for (const parts of [{ event: null }, { event: null, destination: original }]) {
      expect(await reportOf(parts)).toMatchObject({
        failure: 'no_content',
        next: { state: 'dead' },
        destinationHealthy: null,
      });
    }
  });

  it('waits for the key where a secret cannot be decrypted, or there is none', async () => {
    const undecryptable = { undecryptable: 'secrets: ENCRYPTION_KEYS does not hold the key 0badf00d' };
    for (const parts of [undecryptable, { destination: { signing: 'standard' } as const }]) {
      expect(await reportOf(parts)).toMatchObject({ failure: 'no_key', next: { state: 'pending' } });
    }
  });

  it('gives up an event of the gateway where the provider is to have signed it, and the destination is none the worse', async () => {
    const signing = { signing: 'provider', secrets: ['secret'] } as const;
    expect(await reportOf({ source: 'gateway', provider: 'gateway', destination: signing })).toMatchObject({
      failure: 'no_key',
      error: expect.stringContaining('standard'),
      next: { state: 'dead' },
      destinationHealthy: null,
    });
    expect(receiver.received).toEqual([]);
  });

  it('goes nowhere that deliveries must not go', async () => {
    const target = { kind: 'http', url: receiver.url.replace('127.0.0.1', '[::1]') } as const;
    expect(await reportOf({ destination: { target } })).toMatchObject({
      failure: 'forbidden_address',
      error: expect.stringContaining('DELIVERY_ALLOW_NETWORKS'),
      next: { state: 'pending' },
    });
  });

  it('is unsent if it was given up before', async () => {
    expect(await attempt({}, { signal: AbortSignal.abort() })).toEqual({ kind: 'unsent' });
  });

  it('is reported, and tells nothing, if something breaks in us', async () => {
    const event = { ...EVENT, payload: 'no JSON, which PostgreSQL would never give: secret' };
    const broken = { provider: 'whatsapp', event, destination: { format: 'native' } } as const;
    const report = await reportOf(broken);
    expect(report).toMatchObject({ failure: 'no_content', next: { state: 'pending' }, destinationHealthy: null });
    expect(report.error).not.toContain('secret');
  });
});

it('an attempt given up while the receiver may have it is unknown', async () => {
  receiver.behave(receivers.silence);
  const giveUp = new AbortController();
  const result = attempt({}, { signal: giveUp.signal });
  await until('the request to arrive', () => receiver.received.length === 1);
  giveUp.abort();
  expect(await result).toEqual({ kind: 'unknown' });
});

describeWithRedis('an attempt for a stream of Redis', (url) => {
  const stream = `gateway-test-${process.pid}-${Date.now()}`;
  const open: (() => Promise<void>)[] = [];
  afterAll(async () => {
    for (const close of open) await close();
  });

  async function connect() {
    const logger = { info: () => undefined, warn: () => undefined };
    const connection = createRedisConnection({ url: url(), logger });
    open.push(() => connection.close());
    await until('Redis to be up', () => connection.up());
    return connection;
  }
  const toStream = (maxLength = 1_000) => ({ target: { kind: 'redis_stream', stream, maxLength } as const });

  it('adds an entry with the body, delivered once it is there', async () => {
    const connection = await connect();
    const sink = createRedisStreamSink(connection);
    const body = Buffer.from([0x7b, 0x00, 0xff, 0x7d]);
    const original = { event: null, request: requestOf(providers.stripe, body) };
    const destination = toStream();
    expect(await reportOf({ destination }, { sink })).toMatchObject({
      failure: null,
      next: { state: 'delivered' },
      answer: null,
    });
    await reportOf({ ...original, destination: { ...destination, format: 'original' } }, { sink });
    const entries = await connection.client.xrangeBuffer(stream, '-', '+');
    const fields = entries.map(([, values]) => values);
    const id = Buffer.from('01900000-0000-7000-8000-000000000001');
    const named = (...values: string[]) => values.map((value) => Buffer.from(value));
    expect(fields).toEqual([
      [
        ...named('delivery', id.toString(), 'event', EVENT.id, 'type', 'invoice.paid', 'source', 'stripe', 'payload'),
        expect.any(Buffer),
      ],
      [...named('delivery', id.toString(), 'source', 'stripe', 'payload'), body],
    ]);
    expect(JSON.parse(fields[0]?.at(-1)?.toString() ?? '')).toMatchObject({ id: EVENT.id });
    await connection.client.del(stream);
  });

  it('keeps about as many entries as it may', async () => {
    const connection = await connect();
    const sink = createRedisStreamSink(connection);
    for (let number = 0; number < 300; number++) await reportOf({ destination: toStream(10) }, { sink });
    expect(await connection.client.xlen(stream)).toBeLessThan(300);
    await connection.client.del(stream);
  });

  it('fails while Redis refuses, is away, or is not configured', async () => {
    const connection = await connect();
    const sink = createRedisStreamSink(connection);
    await connection.client.set(stream, 'no stream');
    const failed = { failure: 'sink', next: { state: 'pending' }, destinationHealthy: false };
    const destination = toStream();
    const refused = await reportOf({ destination }, { sink });
    expect(refused).toMatchObject({ ...failed, error: expect.stringContaining('WRONGTYPE') });
    expect(refused.error).not.toContain(EVENT.id);
    await connection.client.del(stream);
    await connection.close();
    expect(await reportOf({ destination }, { sink })).toMatchObject(failed);
    expect(await reportOf({ destination })).toMatchObject({ ...failed, error: expect.stringContaining('REDIS_URL') });
  });
});
