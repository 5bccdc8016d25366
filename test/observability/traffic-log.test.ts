import pino from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { TrafficLog } from '../../src/observability/traffic-log.ts';

let lines: Record<string, unknown>[];
let traffic: TrafficLog;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_766_000_000_000 });
  lines = [];
  traffic = new TrafficLog(pino({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line)) }));
});
afterEach(() => {
  traffic.close();
  vi.useRealTimers();
});

test('counts are one info line every ten seconds, and none without webhooks', () => {
  traffic.count('stripe', 'stored');
  traffic.count('stripe', 'stored');
  traffic.count('whatsapp', 'duplicate');
  vi.advanceTimersByTime(10_000);
  expect(lines).toMatchObject([{ level: 30, webhooks: { stripe: { stored: 2 }, whatsapp: { duplicate: 1 } } }]);
  vi.advanceTimersByTime(60_000);
  expect(lines).toHaveLength(1);
});

test('failures are at most ten lines a second of one kind; the rest is counted', () => {
  for (let attempt = 0; attempt < 25; attempt++) traffic.failure('stripe', 'mismatch', {}, 'refused');
  traffic.failure('stripe', 'missing', {}, 'refused');
  expect(lines.filter(({ reason }) => reason === 'mismatch')).toHaveLength(10);
  expect(lines.filter(({ reason }) => reason === 'missing')).toHaveLength(1);
  vi.advanceTimersByTime(1_000);
  traffic.failure('stripe', 'mismatch', {}, 'refused');
  expect(lines.at(-1)).toMatchObject({ level: 40, reason: 'mismatch', suppressed: 15 });
});

test('what was suppressed last is told with the next summary, also at the end', () => {
  for (let attempt = 0; attempt < 12; attempt++) traffic.failure('stripe', 'mismatch', {}, 'refused');
  traffic.count('stripe', 'unauthorized');
  traffic.close();
  expect(lines.at(-2)).toMatchObject({ level: 30, webhooks: { stripe: { unauthorized: 1 } } });
  expect(lines.at(-1)).toMatchObject({ level: 40, source: 'stripe', reason: 'mismatch', suppressed: 2 });
});
