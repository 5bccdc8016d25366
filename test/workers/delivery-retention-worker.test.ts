/** The worker that removes finished deliveries: it walks to the end, step by step, and an outage stops it for a moment only. */
import pino from 'pino';
import { expect, test } from 'vitest';
import type { RetentionStep } from '../../src/core/delivery-retention.ts';
import { createDeliveryRetentionWorker } from '../../src/workers/delivery-retention-worker.ts';
import { until } from '../support/until.ts';

test('each step goes on where the last one ended, and what failed is done again', async () => {
  const steps: RetentionStep[] = [];
  const replays: Date[] = [];
  const worker = createDeliveryRetentionWorker({
    store: {
      async removeFinished(step) {
        steps.push(step);
        if (steps.length === 2) throw new Error('away');
        return { removed: 1, next: steps.length < 4 ? `after ${steps.length}` : null };
      },
      async removeReplays(finishedBefore) {
        replays.push(finishedBefore);
      },
    },
    days: 10,
    clock: () => new Date('2026-04-11T00:00:00Z'),
    logger: pino({ level: 'silent' }),
    step: 7,
  });
  worker.start();
  await until('the walk to end', () => replays.length === 1);
  await worker.close();
  expect(steps.map(({ after }) => after)).toEqual([null, 'after 1', 'after 1', 'after 3']);
  expect(steps[0]).toMatchObject({
    finishedBefore: new Date('2026-04-01T00:00:00Z'),
    deadBefore: new Date('2026-03-12T00:00:00Z'),
    limit: 7,
  });
  expect(replays).toEqual([steps[0]?.finishedBefore]);
});
