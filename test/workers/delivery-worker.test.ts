/** The worker around the attempts: what it claims, whom it waits for, and how it stops. */
import pino from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { rowId } from '../../src/core/row-id.ts';
import { createAddressGuard } from '../../src/delivery/address-guard.ts';
import { createAttempt } from '../../src/delivery/attempt.ts';
import { createSender, type Sender } from '../../src/delivery/send.ts';
import { origins } from '../../src/providers/index.ts';
import { createDeliveryWorker, type DeliveryWorker } from '../../src/workers/delivery-worker.ts';
import { leased } from '../support/leased-delivery.ts';
import { MemoryDeliveryStore } from '../support/memory-delivery-store.ts';
import { type Receiver, startReceiver } from '../support/receiver.ts';
import { until } from '../support/until.ts';

const OWNER = '01900000-0000-7000-8000-0000000000aa';

let receiver: Receiver;
let sender: Sender;
let store: MemoryDeliveryStore;
let worker: DeliveryWorker;
let log: Record<string, unknown>[];
beforeEach(async () => {
  receiver = await startReceiver();
  sender = createSender({ guard: createAddressGuard({ allow: ['127.0.0.1'] }) });
  store = new MemoryDeliveryStore();
  log = [];
});
afterEach(async () => {
  await worker.close();
  await sender.close();
  await receiver.close();
});

/** A poll that never comes, unless told otherwise: who is to do something must be woken. */
function open({ maxUnderWay = 256, pollMs = 3_600_000 } = {}): DeliveryWorker {
  const clock = () => new Date();
  worker = createDeliveryWorker({
    store,
    attempt: createAttempt({
      sender,
      sink: null,
      origins,
      userAgent: 'test',
      owner: OWNER,
      clock,
      random: () => 0.5,
    }),
    owner: OWNER,
    listener: { onAttempt: () => undefined, onPaused: () => undefined },
    logger: pino({}, { write: (line) => void log.push(JSON.parse(line)) }),
    maxUnderWay,
    pollMs,
  });
  worker.start();
  return worker;
}
const deliveries = (count: number, path = '') => {
  const target = { kind: 'http', url: `${receiver.url}${path}` } as const;
  return Array.from({ length: count }, () => leased({ id: rowId(), destination: { target, timeoutMs: 60_000 } }));
};
const outcomes = () => store.reports.map(({ failure }) => failure ?? 'delivered');
/** Those for `/stuck` are never answered. */
const neverAnswerStuck = () =>
  receiver.behave((response, { path }) => (path.endsWith('/stuck') ? undefined : response.writeHead(204).end()));

it('delivers all that is due, side by side, and reports each once', async () => {
  store.add(...deliveries(500));
  open({ maxUnderWay: 40 });
  await until('all to be reported', () => store.reports.length === 500);
  expect(new Set(store.reports.map(({ deliveryId }) => deliveryId)).size).toBe(500);
  expect(new Set(outcomes())).toEqual(new Set(['delivered']));
  expect(store.leased).toEqual([]);
});

it('begins when it is woken', async () => {
  open();
  await until('a first look', () => store.claims.length > 0);
  store.add(...deliveries(3));
  worker.wake();
  await until('all to be reported', () => store.reports.length === 3);
});

it('looks by itself when something becomes due, and at every poll', async () => {
  open({ pollMs: 20 });
  await until('a first look', () => store.claims.length > 0);
  store.add(...deliveries(1));
  await until('it to be found', () => store.reports.length === 1);
});

it('is held up by no slow receiver, neither in what it reports nor in what it claims', async () => {
  neverAnswerStuck();
  store.add(...deliveries(10, '/stuck'), ...deliveries(10));
  open({ maxUnderWay: 30 });
  await until('the quick ones to be reported', () => store.reports.length === 10);
  store.add(...deliveries(50));
  worker.wake();
  await until('more to be claimed and reported', () => store.reports.length === 60);
  expect(store.leased).toHaveLength(10);
});

it('has never more under way than it may, and goes on as soon as one has ended', async () => {
  const answers: (() => void)[] = [];
  receiver.behave((response) => void answers.push(() => response.writeHead(204).end()));
  store.add(...deliveries(12));
  open({ maxUnderWay: 5 });
  for (let ended = 0; ended < 12; ended++) {
    const underWay = Math.min(5, 12 - ended);
    await until('so many to be under way', () => answers.length === underWay);
    expect(receiver.received).toHaveLength(ended + underWay);
    answers.shift()?.();
    await until('its report', () => store.reports.length === ended + 1);
  }
});

it('keeps reports through an outage, claims nothing meanwhile, and then goes on', async () => {
  const answers: (() => void)[] = [];
  receiver.behave((response) => void answers.push(() => response.writeHead(204).end()));
  store.add(...deliveries(6));
  open({ maxUnderWay: 3 });
  await until('some to be under way', () => answers.length === 3);
  const claimed = store.claims.length;
  store.away = true;
  for (const answer of answers.splice(0)) answer();
  await until('the outage to be told', () => log.some(({ msg }) => msg === 'nothing is delivered for now'));
  expect(store.claims).toHaveLength(claimed);
  expect(receiver.received).toHaveLength(3);
  store.away = false;
  receiver.behave((response) => response.writeHead(204).end());
  await until('all to be reported', () => store.reports.length === 6);
  expect(receiver.received).toHaveLength(6);
  expect(log.filter(({ msg }) => msg === 'deliveries go on')).toHaveLength(1);
});

it('takes leases that outlive the timeout', async () => {
  store.add(...deliveries(1));
  open();
  await until('it to be reported', () => store.reports.length === 1);
  expect(store.claims[0]).toMatchObject({ owner: OWNER, leaseMs: 30_000 });
});

it('waits at a stop for answers that come, and reports them', async () => {
  const answers: (() => void)[] = [];
  receiver.behave((response) => void answers.push(() => response.writeHead(204).end()));
  store.add(...deliveries(3));
  open();
  await until('all to be under way', () => answers.length === 3);
  const closing = worker.close();
  for (const answer of answers) answer();
  await closing;
  expect(outcomes()).toEqual(['delivered', 'delivered', 'delivered']);
  expect(store.leased).toEqual([]);
});

it('gives up at a stop what is not answered, keeps its lease, and claims nothing more', async () => {
  neverAnswerStuck();
  store.add(...deliveries(2, '/stuck'), ...deliveries(1));
  open();
  await until('all to be under way', () => receiver.received.length === 3);
  const claims = store.claims.length;
  await Promise.all([worker.close(), worker.close()]);
  expect(store.reports).toHaveLength(1);
  // The receiver may have had them: nobody knows, so the lease has to run out.
  expect(store.leased).toHaveLength(2);
  expect(store.released).toEqual([]);
  expect(store.claims).toHaveLength(claims);
  await until('the connections to be cut', () => receiver.open() <= 1);
});

it('gives leases back at a stop of which nothing was sent', async () => {
  // A name server that says nothing: no connection comes about.
  await sender.close();
  sender = createSender({ guard: createAddressGuard({ allow: [], resolve: () => undefined }) });
  const target = { kind: 'http', url: 'http://slow.example/' } as const;
  store.add(leased({ destination: { target, timeoutMs: 60_000 } }));
  open();
  await until('it to be claimed', () => store.leased.length === 1);
  await worker.close();
  expect(store.reports).toEqual([]);
  expect(store.released).toHaveLength(1);
  expect(store.leased).toEqual([]);
});

/** Two places, of which none gets free. */
const moreThanPlaces = () => {
  neverAnswerStuck();
  store.add(...deliveries(5, '/stuck').map((delivery) => ({ ...delivery, places: 2 })));
};

it('opens no more connections than a destination has places', async () => {
  store.add(...deliveries(200).map((delivery) => ({ ...delivery, places: 2 })));
  open();
  await until('all to be reported', () => store.reports.length === 200);
  expect(receiver.connections()).toBe(2);
});

it('gives back at a stop what was leased ahead', async () => {
  moreThanPlaces();
  open();
  await until('two to be under way', () => receiver.received.length === 2);
  await worker.close();
  expect(store.released).toHaveLength(3);
  expect(store.leased).toHaveLength(2);
  expect(receiver.received).toHaveLength(2);
});

it('gives back what has waited too long for a place, also after an outage', async () => {
  moreThanPlaces();
  open();
  await until('two to be under way', () => receiver.received.length === 2);
  store.away = true;
  await until('the outage to be told', () => log.some(({ msg }) => msg === 'nothing is delivered for now'));
  store.away = false;
  await until('the others to be given back', () => store.released.length >= 3);
  expect(receiver.received).toHaveLength(2);
});

it('sends nothing of what was leased ahead to a destination that is gone', async () => {
  receiver.behave((response) => response.writeHead(410).end());
  store.add(...deliveries(3).map((delivery) => ({ ...delivery, places: 1 })));
  open();
  await until('the others to be given back', () => store.released.length >= 2);
  expect(store.reports[0]).toMatchObject({ pause: 'it answered 410 Gone' });
  expect(store.claims[0]).toMatchObject({ given: 3 });
});

it('gives back unused what a claim brings during the stop', async () => {
  let answer: () => void = () => undefined;
  store.claimGate = new Promise((done) => {
    answer = done;
  });
  store.add(...deliveries(2));
  open();
  await until('the claim to be under way', () => store.leased.length === 2);
  const closing = worker.close();
  answer();
  await closing;
  expect(store.released).toHaveLength(2);
  expect(receiver.received).toEqual([]);
});

it('ends in time though PostgreSQL is away', async () => {
  neverAnswerStuck();
  store.add(...deliveries(1, '/stuck'), ...deliveries(1));
  open();
  await until('both to be under way', () => receiver.received.length === 2);
  store.away = true;
  await worker.close();
  await until('the one that is stuck to be cut', () => receiver.open() <= 1);
});
