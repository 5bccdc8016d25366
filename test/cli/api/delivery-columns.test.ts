import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { deliveryColumns } from '../../../src/cli/api/delivery-columns.ts';
import type { Destination } from '../../../src/cli/api/destination-names.ts';
import { table } from '../../../src/cli/api/table.ts';
import { ATTEMPT_FAILURES, DELIVERY_STATES } from '../../../src/core/delivery.ts';

type Delivery = Parameters<ReturnType<typeof deliveryColumns>[number]['value']>[0];

const NOW = new Date('2026-11-20T10:00:07.123Z');
const DELIVERY: Delivery = {
  id: '019aa0f2-71c0-7d4b-9a33-0f2b7c1d5e90',
  destinationId: '019aa0f2-0000-7d4b-9a33-0f2b7c1d5e90',
  eventId: '019aa0f2-6f1e-7c3e-b0a5-3d5c2f9e8a11',
  requestId: '019aa0f2-6f1e-7c3e-b0a5-3d5c2f9e8a10',
  replayId: null,
  source: 'stripe',
  type: 'customer.subscription.updated',
  receivedAt: NOW.toISOString(),
  state: 'pending',
  attempts: 4,
  nextAttemptAt: null,
  lastStatus: 503,
  lastFailure: 'status',
} as Delivery;

beforeAll(() => void vi.useFakeTimers({ now: NOW }));
afterAll(() => void vi.useRealTimers());

function linesOf(changes: Partial<Delivery>, name = 'billing', status: Partial<Destination> = {}): string[] {
  const destination = { name, state: 'active', health: null, ...status } as Destination;
  const text = table(
    deliveryColumns(() => destination),
    [{ ...DELIVERY, ...changes }],
    100,
  );
  return text.trimEnd().split('\n');
}

const inSeconds = (seconds: number) => new Date(NOW.getTime() + seconds * 1000).toISOString();

it('fits 100 columns with what is told most', () => {
  expect(linesOf({ nextAttemptAt: inSeconds(12 * 3600) })).toEqual([
    'came (UTC)   type           to       state         tries  last  id',
    '11-20 10:00  customer.sub…  billing  pending +12h  4      503   019aa0f2-71c0-7d4b-9a33-0f2b7c1d5e90',
  ]);
});

describe.each(DELIVERY_STATES)('fits 100 columns, with the whole id: %s', (state) => {
  it.each(ATTEMPT_FAILURES)('after %s', (lastFailure) => {
    const changes = { state, lastFailure, lastStatus: null, attempts: 12, nextAttemptAt: inSeconds(59 * 60) };
    for (const line of linesOf(changes, 'the accounting of the northern branch')) {
      expect(line.length).toBeLessThanOrEqual(100);
    }
    expect(linesOf(changes)[1]).toContain(DELIVERY.id);
  });
});

it.each([
  [-5, 'now'],
  [0.5, '\\+1s'],
  [99, '\\+99s'],
  [100, '\\+2m'],
  [3 * 3600, '\\+3h'],
  [30 * 86_400, '\\+30d'],
])('one that is tried in %d s is pending %s', (seconds, shown) => {
  expect(linesOf({ nextAttemptAt: inSeconds(seconds) })[1]).toMatch(new RegExp(` pending ${shown} `));
});

const open = (probeIn: number) =>
  ({ health: { circuitOpen: true, nextProbeAt: inSeconds(probeIn) } }) as Partial<Destination>;

it('marks what a replay owes, however narrow it is', () => {
  const replayId = '019aa0f2-6f1e-7c3e-b0a5-3d5c2f9e8a12';
  expect(linesOf({ replayId, type: 'invoice.paid' })[1]).toMatch(/^11-20 10:00 {2}↻ invoice\.paid +billing /);
  const changes = { replayId, lastStatus: null, lastFailure: 'timeout', state: 'cancelled' } as const;
  const [head, line] = linesOf(changes, 'the accounting of the northern branch');
  expect(line).toMatch(/^11-20 10:00 {2}↻ cus/);
  for (const one of [head, line]) expect(one?.length).toBeLessThanOrEqual(100);
});

it.each<[string, Partial<Destination>, number, string]>([
  ['is due, where the destination is paused', { state: 'paused' }, -5, 'paused'],
  ['is due later, where the gateway has paused it', { state: 'auto_paused' }, 60, 'paused'],
  ['is due, where the circuit is open', open(14.5), -5, 'probe \\+15s'],
  ['is due, where the probe is', open(-1), -5, 'probe now'],
  ['is tried after the next probe', open(15), 3 * 3600, 'pending \\+3h'],
])('one that %s says what it waits for', (_, status, dueIn, shown) => {
  const changes = { nextAttemptAt: inSeconds(dueIn), lastStatus: null, lastFailure: 'timeout' } as const;
  const lines = linesOf(changes, 'the accounting of the northern branch', status);
  expect(lines[1]).toMatch(new RegExp(` ${shown} +4 `));
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(100);
});

it.each(['delivered', 'dead', 'sending'] as const)('one that is %s is tried at no time', (state) => {
  expect(linesOf({ state, nextAttemptAt: inSeconds(60) })[1]).toMatch(new RegExp(` ${state} +4 `));
});
