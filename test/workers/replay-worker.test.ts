/** The worker behind replays: it goes on while there is something to do, tells of it, and an outage stops it for a moment only. */
import pino from 'pino';
import { afterEach, expect, test } from 'vitest';
import type { ReplayStep } from '../../src/core/replay.ts';
import { createReplayWorker, type ReplayWorker } from '../../src/workers/replay-worker.ts';
import { until } from '../support/until.ts';

const HOUR = 3_600_000;

let worker: ReplayWorker;
afterEach(() => worker.close());

/** Steps one after the other, then none until there are more. */
function start(queue: (ReplayStep | Error)[]) {
  const log: Record<string, unknown>[] = [];
  const seen = { steps: 0, idle: 0, owed: 0 };
  worker = createReplayWorker({
    store: {
      async step() {
        const next = queue.shift();
        if (next instanceof Error) throw next;
        if (next !== undefined) seen.steps++;
        return next ?? null;
      },
      async nextDueInMs() {
        seen.idle++;
        return HOUR;
      },
    },
    plan: () => expect.fail('the store does not ask'),
    onOwed: () => void seen.owed++,
    logger: pino({ base: null, timestamp: false }, { write: (line) => void log.push(JSON.parse(line)) }),
  });
  worker.start();
  return { seen, log };
}
const stepOf = (more: Partial<ReplayStep>): ReplayStep => ({
  replayId: 'r',
  state: 'running',
  made: 0,
  scanned: 500,
  matched: 0,
  owed: 0,
  ...more,
});

test('step after step to the end: whoever delivers is told of what is owed, the log of the end', async () => {
  const end = stepOf({ state: 'done', made: 1, scanned: 700, matched: 1, owed: 1 });
  const { seen, log } = start([stepOf({}), end]);
  await until('it to rest', () => seen.idle === 1);
  expect(seen).toEqual({ steps: 2, idle: 1, owed: 1 });
  expect(log).toEqual([
    { level: 30, state: 'done', replayId: 'r', scanned: 700, matched: 1, owed: 1, msg: 'a replay has ended' },
  ]);
});

test('it is woken for an order', async () => {
  const queue: ReplayStep[] = [];
  const { seen } = start(queue);
  await until('it to rest', () => seen.idle === 1);
  queue.push(stepOf({}));
  worker.wake();
  await until('the step', () => seen.steps === 1);
});

test('it goes on after an outage', async () => {
  const { seen, log } = start([new Error('away'), new Error('away'), stepOf({})]);
  await until('the step', () => seen.idle === 1);
  expect(seen.steps).toBe(1);
  expect(log.map(({ msg }) => msg)).toEqual(['replays do not go on for now', 'replays go on']);
});
