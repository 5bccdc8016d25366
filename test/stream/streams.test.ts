/** Streams over a reader and a store that the test holds. */
import { expect, test } from 'vitest';
import { StoreError } from '../../src/core/errors.ts';
import type { Follower, PositionedEvent, PositionReader } from '../../src/core/follower.ts';
import { origins } from '../../src/providers/index.ts';
import { ByteShares } from '../../src/stream/byte-shares.ts';
import type { StreamMessage } from '../../src/stream/message.ts';
import { createStreams } from '../../src/stream/streams.ts';
import { until as untilTrue } from '../support/until.ts';

const eventAt = (position: number, more: Partial<PositionedEvent> = {}): PositionedEvent => ({
  position,
  id: `01900000-0000-7000-8000-${String(position).padStart(12, '0')}`,
  requestId: '01900000-0000-7000-8000-000000000000',
  source: 'stripe',
  provider: 'stripe',
  type: 'invoice.paid',
  dedupeKey: `evt_${position}`,
  subject: null,
  occurredAt: null,
  receivedAt: new Date(0),
  payload: '{"n":1}',
  request: null,
  ...more,
});

const FOLLOWER: Follower = {
  id: '01900000-0000-7000-8000-00000000000f',
  name: 'listen',
  filter: { sources: null, types: ['*'], condition: null },
  format: 'event',
  ackedTo: 0,
  acked: [],
  createdAt: new Date(0),
  seenAt: new Date(0),
};

/** @param failures times that PostgreSQL refuses a page first */
function openStreams(
  events: readonly PositionedEvent[],
  { failures = 0, maxStreams = 100, shares = new ByteShares() } = {},
) {
  let refused = 0;
  const reader: PositionReader = {
    last: async () => events.length,
    async read(after, wish, limits) {
      if (refused++ < failures) throw new StoreError('unavailable', 'away');
      const page = events.slice(after, after + limits.positions);
      const wanted = page.filter((event) => wish.wants(event)).slice(0, limits.events);
      const sizes = wanted.map(({ payload, request }) => (payload?.length ?? 0) + (request?.body.length ?? 0));
      const [first = 0] = sizes;
      if (first > limits.bytes) return { events: [], to: after, more: true, tooLarge: first };
      let bytes = 0;
      const fitting = wanted.filter((_, index) => {
        bytes += sizes[index] ?? 0;
        return bytes <= limits.bytes;
      });
      const cut = fitting.length < page.filter((event) => wish.wants(event)).length;
      const to = cut ? (fitting.at(-1)?.position ?? after) : after + page.length;
      return { events: fitting, to, more: cut, tooLarge: null };
    },
  };
  let stored = FOLLOWER;
  let advances = 0;
  const store = {
    connect: async () => stored,
    async advance(_id: string, _connection: string, ackedTo: number) {
      advances++;
      stored = { ...stored, ackedTo, acked: stored.acked.filter((position) => position > ackedTo) };
      return stored;
    },
  };
  const acknowledge = (positions: readonly number[]) => {
    stored = { ...stored, acked: [...stored.acked, ...positions] };
  };
  const listeners = new Set<() => void>();
  const signals = {
    listen(onSignal: () => void) {
      listeners.add(onSignal);
      return { close: async () => void listeners.delete(onSignal) };
    },
  };
  return {
    streams: createStreams({ reader, store, signals, origins, maxStreams, shares }),
    acknowledge,
    ackedTo: () => stored.ackedTo,
    /** How often a stream has asked what was acknowledged. */
    advances: () => advances,
    signal: () => {
      for (const onSignal of listeners) onSignal();
    },
  };
}

const ALL = { filter: { sources: null, types: ['*'], condition: null }, format: 'event', after: 0 } as const;

async function take(messages: AsyncIterable<StreamMessage>, count: number) {
  const taken: StreamMessage[] = [];
  for await (const message of messages) {
    taken.push({ ...message });
    if (taken.length === count) return taken;
  }
  return taken;
}
const dataOf = (messages: readonly StreamMessage[]) => messages.map(({ data }) => JSON.parse(data));

test('a process has a limit, and room again when a stream has gone', async () => {
  const { streams } = openStreams([], { maxStreams: 2 });
  const [first] = await Promise.all([streams.open(ALL), streams.open(ALL)]);
  await expect(streams.open(ALL)).rejects.toMatchObject({ kind: 'unavailable' });
  first.close();
  first.close();
  await streams.open(ALL);
  await expect(streams.open(ALL)).rejects.toMatchObject({ kind: 'unavailable' });
  await streams.close();
  await expect(streams.open(ALL)).rejects.toMatchObject({ kind: 'unavailable' });
});

test('one that was refused takes no room', async () => {
  const { streams } = openStreams([], { maxStreams: 1 });
  await expect(streams.open({ ...ALL, after: 1 })).rejects.toMatchObject({ kind: 'bad_request' });
  await streams.open(ALL);
  await streams.close();
});

test('PostgreSQL that is away for a moment ends no stream', async () => {
  const { streams } = openStreams([eventAt(1)], { failures: 1 });
  const { messages } = await streams.open(ALL);
  expect((await take(messages, 2)).map(({ event }) => event)).toEqual(['ready', 'webhook']);
  await streams.close();
});

test('an event that cannot be rendered or judged blocks nothing', async () => {
  const poison = { provider: 'unheard of' as never };
  const { streams } = openStreams([eventAt(1, poison), eventAt(2, { payload: null }), eventAt(3)]);
  const native = await streams.open({ ...ALL, format: 'native' });
  const [, first, second, third] = dataOf(await take(native.messages, 4));
  expect([first.bodyBase64, second.bodyBase64]).toEqual([null, null]);
  expect(Buffer.from(third.bodyBase64, 'base64').toString()).toBe('{"n":1}');
  const condition = { n: { $gte: 1 } };
  const judged = await streams.open({ ...ALL, filter: { ...ALL.filter, condition } });
  expect((await take(judged.messages, 3)).map(({ id }) => id)).toEqual([undefined, 1, 3]);
  await streams.close();
});

test('ids are those of the event and of who follows, for ever', async () => {
  const { streams } = openStreams([eventAt(1)]);
  const idOf = async (wish: Parameters<typeof streams.open>[0]) => {
    const stream = await streams.open(wish);
    const [, event] = dataOf(await take(stream.messages, 2));
    return event.webhookId;
  };
  expect(await idOf(ALL)).toBe('msg_b491ad9e-e7d5-5ebb-a451-64f50dcd5df8');
  expect(await idOf({ followerId: FOLLOWER.id })).toBe('msg_d8bb5d13-ae6b-5a6b-8e3c-b461fe48c332');
  await streams.close();
});

test('one that is never acknowledged holds up the others after some thousands, and not before', async () => {
  const events = Array.from({ length: 6_000 }, (_, index) => eventAt(index + 1));
  const { streams, acknowledge, ackedTo, advances, signal } = openStreams(events);
  const { messages, close } = await streams.open({ followerId: FOLLOWER.id });
  let sent = 0;
  /** Of `advances`, when the last event came. */
  let asked = 0;
  const reading = (async () => {
    for await (const { id } of messages) {
      if (id === undefined) continue;
      [sent, asked] = [id, advances()];
      if (id !== 1) acknowledge([id]);
    }
  })();
  const until = (what: string, condition: () => boolean) =>
    untilTrue(what, () => {
      signal();
      return condition();
    });
  await until('it to be held up', () => sent > 2_000 && advances() > asked + 5);
  expect([sent > 2_048, sent < 4_096, ackedTo()]).toEqual([true, true, 0]);
  acknowledge([1]);
  await until('the others', () => sent === 6_000 && ackedTo() === 6_000);
  close();
  await reading;
  await streams.close();
});

/** What is held, at its most. */
class CountedShares extends ByteShares {
  most = 0;

  override async take(bytes: number, signal: AbortSignal) {
    const share = await super.take(bytes, signal);
    this.most = Math.max(this.most, this.used);
    return share;
  }
}

const MIB = 1024 * 1024;
const bigEvents = (count: number, bytes = 4 * MIB) =>
  Array.from({ length: count }, (_, index) =>
    eventAt(index + 1, { payload: null, request: { headers: {}, body: Buffer.alloc(bytes) } }),
  );

test('however many read nothing, what all hold stays within what there is, and goes round', async () => {
  const shares = new CountedShares(20 * MIB);
  const { streams } = openStreams(bigEvents(3), { shares });
  const readers = await Promise.all(
    Array.from({ length: 12 }, async () => {
      const { messages, close } = await streams.open({ ...ALL, format: 'native' });
      const iterator = messages[Symbol.asyncIterator]();
      await iterator.next();
      const got = { events: 0, close, next };
      async function next() {
        const { value } = await iterator.next();
        if (value?.event === 'webhook') got.events++;
      }
      return got;
    }),
  );
  const pulled = readers.map(({ next }) => next());
  const holding = () => readers.filter(({ events }) => events > 0);
  // 4 MiB, which may become 8 in another form.
  await untilTrue('two to have theirs', () => holding().length === 2 && shares.used === 16 * MIB);
  const [first, second] = holding();
  // One is cut off, the other reads on: both give back what they had.
  first?.close();
  const more = second?.next();
  await untilTrue('two others', () => holding().length === 4);
  for (const { close } of readers) close();
  await Promise.all([...pulled, more]);
  expect([shares.used, shares.most <= 20 * MIB]).toEqual([0, true]);
  await streams.close();
});

test('an event larger than all there is passes alone, and what was loaded never waits for acknowledgements', async () => {
  const shares = new CountedShares(MIB);
  const events = [...bigEvents(1), ...Array.from({ length: 400 }, (_, index) => eventAt(index + 2))];
  const { streams } = openStreams(events, { shares });
  const { messages, close } = await streams.open({ followerId: FOLLOWER.id });
  let sent = 0;
  const reading = (async () => {
    for await (const { id } of messages) sent = id ?? 0;
  })();
  await untilTrue('256 to be under way', () => sent === 256 && shares.used === 0);
  close();
  await reading;
  const native = await streams.open({ ...ALL, format: 'native' });
  const iterator = native.messages[Symbol.asyncIterator]();
  await iterator.next();
  const { value: large } = await iterator.next();
  expect(large?.data.length).toBeGreaterThan(5 * MIB);
  expect((await iterator.next()).value?.id).toBe(2);
  // Whoever waits for the next event does not hold the last one.
  expect(large?.data).toBe('');
  expect(shares.most).toBe(8 * MIB);
  await streams.close();
});
