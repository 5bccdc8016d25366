import { Registry } from 'prom-client';
import { beforeEach, expect, it } from 'vitest';
import type { AttemptReport } from '../../src/core/delivery.ts';
import { deliveryLog } from '../../src/delivery/delivery-log.ts';
import { createDeliveryMetrics } from '../../src/observability/delivery-metrics.ts';
import { leased } from '../support/leased-delivery.ts';

let registry: Registry;
let lines: { reason: string; fields: Record<string, unknown>; message: string }[];
let warnings: { fields: unknown; message: string }[];
let woken: number;
let listener: ReturnType<typeof deliveryLog>;
beforeEach(() => {
  registry = new Registry();
  lines = [];
  warnings = [];
  woken = 0;
  listener = deliveryLog({
    metrics: createDeliveryMetrics(registry),
    traffic: { failure: (_, reason, fields, message) => void lines.push({ reason, fields, message }) },
    logger: { warn: (fields: unknown, message?: string) => void warnings.push({ fields, message: message ?? '' }) },
    onOwnEvents: () => void woken++,
  });
});

const delivery = leased({
  receivedAt: new Date('2026-11-20T10:00:00Z'),
  destination: { target: { kind: 'http', url: 'https://receiver.example/hook?token=hunter2' }, secrets: ['hunter2'] },
});
const report: AttemptReport = {
  id: 'attempt',
  owner: 'worker',
  deliveryId: delivery.id,
  destinationId: delivery.destination.id,
  number: 2,
  startedAt: new Date('2026-11-20T10:00:06Z'),
  durationMs: 500,
  answer: { status: 503, headers: { server: 'hunter2' }, body: Buffer.from('hunter2') },
  failure: 'status',
  error: 'the answer was 503',
  next: { state: 'pending', inMs: 30_000 },
  destinationHealthy: false,
  probe: false,
  retryAfterMs: null,
  pause: null,
};
const success: AttemptReport = { ...report, failure: null, error: null, next: { state: 'delivered' } };

it('counts attempts by outcome, and the lag of live deliveries only', async () => {
  listener.onAttempt(delivery, report);
  listener.onAttempt(delivery, success);
  listener.onAttempt({ ...delivery, replay: true }, success);
  const text = await registry.metrics();
  expect(text).toContain('webhook_delivery_attempts_total{outcome="status"} 1');
  expect(text).toContain('webhook_delivery_attempts_total{outcome="delivered"} 2');
  expect(text).toContain('webhook_delivery_attempts_total{outcome="timeout"} 0');
  expect(text).toContain('webhook_delivery_duration_seconds_sum 1.5');
  expect(text).toContain('webhook_delivery_lag_seconds_count 1');
  expect(text).toContain('webhook_delivery_lag_seconds_sum 6.5');
});

it('does not call a delivery dead whose attempt was a failed probe: it costs the delivery nothing', () => {
  listener.onAttempt(delivery, { ...report, probe: true, next: { state: 'dead' } });
  expect(lines.map(({ message }) => message)).toEqual(['a probe failed: the destination is not back yet']);
});

it('logs what failed, for now or for good, and nothing of URL, headers, bodies or secrets', () => {
  listener.onAttempt(delivery, report);
  listener.onAttempt(delivery, { ...report, answer: null, failure: 'timeout', next: { state: 'dead' } });
  expect(lines).toEqual([
    {
      reason: 'status',
      message: 'a delivery failed for now',
      fields: {
        destination: 'shop',
        deliveryId: delivery.id,
        attempt: 2,
        error: 'the answer was 503',
        status: 503,
        retryInMs: 30_000,
      },
    },
    expect.objectContaining({ reason: 'timeout', message: 'a delivery is dead: it failed for good' }),
  ]);
  expect(JSON.stringify(lines)).not.toMatch(/hunter2|receiver\.example/);
});

it('does not log what went well', () => {
  listener.onAttempt(delivery, success);
  expect(lines).toEqual([]);
});

it('of destinations that were paused each has a line, all are counted, and dispatch is woken for their events', async () => {
  const paused = { id: 'd1', name: 'shop', reason: 'it answered 410 Gone', failingSince: null, at: new Date() };
  listener.onPaused([paused, { ...paused, id: 'd2', name: 'crm' }]);
  expect(warnings).toEqual([
    {
      fields: { destination: 'shop', destinationId: 'd1', cause: 'it answered 410 Gone', failingSince: null },
      message: expect.stringMatching(/^a destination is paused by the gateway/),
    },
    expect.objectContaining({ fields: expect.objectContaining({ destination: 'crm' }) }),
  ]);
  expect(await registry.metrics()).toContain('webhook_destinations_auto_paused_total 2');
  expect(woken).toBe(1);
});
