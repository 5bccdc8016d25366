/** The drain on a real spool; PostgreSQL is a stand-in whose answers the test decides. With a real one: test/e2e/spool.test.ts. */
import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { StoreError } from '../../src/core/errors.ts';
import type { VerifiedRequest } from '../../src/core/event.ts';
import type { EventStore } from '../../src/core/ports.ts';
import { rowId } from '../../src/core/row-id.ts';
import { SpoolDrain } from '../../src/ingest/spool-drain.ts';
import { StoreBreaker } from '../../src/ingest/store-breaker.ts';
import { providers } from '../../src/providers/index.ts';
import { openTempSpool, type TempSpool } from '../support/temp-spool.ts';
import { until } from '../support/until.ts';

let temp: TempSpool;
let drain: SpoolDrain | undefined;
beforeEach(async () => {
  temp = await openTempSpool();
});
afterEach(async () => {
  await drain?.close();
  await temp.destroy();
});

const outage = new StoreError('unavailable', 'away');
const refusal = new StoreError('unavailable', 'internal error', 'XX000');
const locked = new StoreError('unavailable', 'no lock', '55P03');

function stripeRequest(): VerifiedRequest {
  const id = rowId();
  const receivedAt = new Date();
  const body = providers.stripe.sample({ unique: randomUUID().replaceAll('-', ''), now: receivedAt });
  const events = providers.stripe
    .parse({ body, requestId: id, receivedAt })
    .map((event) => ({ id: rowId(), source: 'stripe', ...event }));
  return { id, source: 'stripe', provider: 'stripe', receivedAt, headers: {}, body, secret: 0, events };
}

async function spooled(count: number): Promise<VerifiedRequest[]> {
  const requests = Array.from({ length: count }, stripeRequest);
  for (const request of requests) await temp.spool.append(request);
  return requests;
}

/** @param answer what the store says to a batch: an error, or nothing for a commit */
function drainInto(answer: (requests: readonly VerifiedRequest[]) => StoreError | undefined, slowMs = 0) {
  const stored: VerifiedRequest[] = [];
  const told = { drained: 0, rejected: [] as string[], stalled: 0 };
  const store: EventStore = {
    async append(requests) {
      const error = answer(requests);
      if (error !== undefined) throw error;
      if (slowMs > 0) await new Promise((resolve) => setTimeout(resolve, slowMs));
      stored.push(...requests);
      return new Set(requests.flatMap(({ events }) => events.map(({ id }) => id)));
    },
    async appendUnparsed(request) {
      const error = answer([request]);
      if (error !== undefined) throw error;
      return true;
    },
  };
  const breaker = new StoreBreaker({ onOpen: () => undefined, onClose: () => undefined });
  for (let n = 0; n < 3; n++) breaker.failed('away');
  drain = new SpoolDrain({
    spool: temp.spool,
    store,
    providers,
    breaker,
    commitTimeoutMs: 100,
    liveTraffic: () => false,
    retryMs: 5,
    listener: {
      onDrained: () => told.drained++,
      onRejected: ({ id }) => told.rejected.push(id),
      onStalled: () => told.stalled++,
      onUnparsed: () => undefined,
      onUnstorable: () => undefined,
    },
  });
  drain.start();
  return {
    stored,
    told,
    breaker,
    empty: () => until('the spool to be empty', () => temp.spool.counts().records === 0),
  };
}

test('everything is sent in order, as it was when it arrived, and removed', async () => {
  const requests = await spooled(20);
  const { stored, breaker, empty } = drainInto(() => undefined);
  await empty();
  expect(stored).toEqual(requests);
  expect(breaker.open).toBe(false);
  await until('its file to be gone', () =>
    readdirSync(temp.directory, { recursive: true, encoding: 'utf8' }).every((file) => !file.endsWith('.spool')),
  );
});

test('what comes later is drained too', async () => {
  const { stored, empty } = drainInto(() => undefined);
  for (let round = 0; round < 3; round++) {
    const requests = await spooled(2);
    await empty();
    expect(stored.splice(0)).toEqual(requests);
  }
});

test('through an outage nothing is lost or put aside, and the breaker stays open until a commit', async () => {
  const requests = await spooled(10);
  let away = true;
  const { stored, told, breaker, empty } = drainInto(() => (away ? outage : undefined));
  await until('many vain tries', () => told.stalled > 20);
  expect([breaker.open, stored.length, told.rejected]).toEqual([true, 0, []]);
  away = false;
  await empty();
  expect([breaker.open, told.drained]).toEqual([false, 10]);
  expect(stored).toEqual(requests);
});

test('a commit that takes too long drains, and leaves the breaker open', async () => {
  await spooled(3);
  const { breaker, empty, told } = drainInto(() => undefined, 150);
  await empty();
  expect([told.drained, breaker.open]).toEqual([3, true]);
});

test.each([0, 37])(
  'a record that fails by itself, at place %s of 100, is put aside, and the rest goes on',
  async (place) => {
    const requests = await spooled(100);
    const bad = requests[place]?.id ?? '';
    const { stored, told, empty } = drainInto((batch) => (batch.some(({ id }) => id === bad) ? refusal : undefined));
    await empty();
    expect(told.rejected).toEqual([bad]);
    expect(stored.map(({ id }) => id).sort()).toEqual(
      requests
        .map(({ id }) => id)
        .filter((id) => id !== bad)
        .sort(),
    );
  },
);

test('with no other record to tell it from an outage, commits of live webhooks do', async () => {
  const [request] = await spooled(1);
  const { told, breaker, empty } = drainInto(() => refusal);
  await until('vain tries', () => told.stalled > 5);
  expect(told.rejected).toEqual([]);
  await until('the record to be put aside', () => {
    breaker.committed();
    return told.rejected.length > 0;
  });
  expect(told.rejected).toEqual([request?.id]);
  await empty();
});

test('two bad records beside each other do not excuse one another', async () => {
  const requests = await spooled(10);
  const bad = requests.slice(0, 2).map(({ id }) => id);
  const { told, empty } = drainInto((batch) => (batch.some(({ id }) => bad.includes(id)) ? refusal : undefined));
  await empty();
  await until('both to be told', () => told.rejected.length > 1);
  expect(told.rejected.sort()).toEqual(bad.sort());
  expect(told.drained).toBe(8);
});

test('a record that PostgreSQL refuses for its data, with and without content, is put aside at once', async () => {
  const requests = await spooled(5);
  const bad = requests[2]?.id ?? '';
  const data = new StoreError('data', 'refused', '22P05');
  const { told, empty } = drainInto((batch) => (batch.some(({ id }) => id === bad) ? data : undefined));
  await empty();
  await until('it to be told', () => told.rejected.length > 0);
  expect([told.rejected, told.drained, told.stalled]).toEqual([[bad], 4, 0]);
});

test('a record whose connection breaks now and then, while others are stored, is stored in the end', async () => {
  const requests = await spooled(20);
  const unlucky = requests[0]?.id ?? '';
  let breaks = 5;
  const { told, empty } = drainInto((batch) => {
    if (!batch.some(({ id }) => id === unlucky) || breaks === 0) return undefined;
    // With its repeat on a fresh connection.
    breaks -= 0.5;
    return new StoreError('connection_lost', 'connection lost');
  });
  await empty();
  expect([told.rejected, told.drained]).toEqual([[], 20]);
});

test('a record that waits for a lock lets the others pass, and is stored when it gets it', async () => {
  const requests = await spooled(20);
  const waiting = requests.slice(3, 6).map(({ id }) => id);
  let held = true;
  const { told, stored, breaker, empty } = drainInto((batch) =>
    held && batch.some(({ id }) => waiting.includes(id)) ? locked : undefined,
  );
  await until('the others to be stored', () => stored.length === 17);
  expect([told.rejected, breaker.open]).toEqual([[], false]);
  held = false;
  await empty();
  expect(stored.map(({ id }) => id).sort()).toEqual(requests.map(({ id }) => id).sort());
});

test('a record of a provider that this release does not know is put aside, and the rest goes on', async () => {
  const request = { ...stripeRequest(), provider: 'of-another-release' as 'stripe' };
  await temp.spool.append(request);
  await spooled(3);
  const { told, empty } = drainInto(() => undefined);
  await empty();
  expect([told.rejected, told.drained]).toEqual([[request.id], 3]);
});
