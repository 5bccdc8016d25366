import { afterEach, expect, test } from 'vitest';
import { Loop, type LoopOptions, type Pause } from '../../src/workers/loop.ts';
import { until } from '../support/until.ts';

const HOUR = 3_600_000;
const FOREVER: Pause = { restMs: 0, waitMs: HOUR };

let loop: Loop | undefined;
afterEach(() => loop?.close());

function start(turn: (count: number) => Pause | Promise<Pause>) {
  const told = { turns: 0, failures: [] as number[], recoveries: 0 };
  const options: LoopOptions = {
    turn: async () => turn(++told.turns),
    onFailure: (_, failures) => void told.failures.push(failures),
    onRecovery: () => void told.recoveries++,
  };
  loop = new Loop(options);
  loop.start();
  return { loop, told };
}

test('it goes on at once while there is more, and then waits until it is woken', async () => {
  const { loop, told } = start((count) => (count < 5 ? { restMs: 0, waitMs: 0 } : FOREVER));
  await until('the fifth turn', () => told.turns === 5);
  loop.wake();
  await until('the sixth turn', () => told.turns === 6);
  expect(told.failures).toEqual([]);
});

test('it looks by itself when nobody wakes it', async () => {
  const { told } = start(() => ({ restMs: 0, waitMs: 20 }));
  await until('three turns', () => told.turns >= 3);
});

test('woken in the middle of a turn, it takes another', async () => {
  let finish: (pause: Pause) => void = () => undefined;
  const { loop, told } = start((count) => (count === 1 ? new Promise((resolve) => (finish = resolve)) : FOREVER));
  await until('the first turn', () => told.turns === 1);
  loop.wake();
  finish(FOREVER);
  await until('the second turn', () => told.turns === 2);
});

test('a hundred wakings during a rest are one turn', async () => {
  const { loop, told } = start(() => ({ restMs: 100, waitMs: HOUR }));
  const startedAt = performance.now();
  const waking = setInterval(() => loop.wake(), 1);
  await until('the fourth turn', () => told.turns === 4);
  clearInterval(waking);
  expect(performance.now() - startedAt).toBeGreaterThan(290);
});

test('it never dies: after failures it backs off, whoever wakes it, and says when it has recovered', async () => {
  const { loop, told } = start((count) => {
    if (count <= 3) throw new Error('away');
    return FOREVER;
  });
  const startedAt = performance.now();
  const waking = setInterval(() => loop.wake(), 1);
  await until('the recovery', () => told.recoveries === 1);
  clearInterval(waking);
  expect(told.failures).toEqual([1, 2, 3]);
  expect(performance.now() - startedAt).toBeGreaterThan(690);
});

test('a stop waits for the turn under way, and begins no other', async () => {
  let finish: (pause: Pause) => void = () => undefined;
  const { loop, told } = start(() => new Promise((resolve) => (finish = resolve)));
  let closed = false;
  const closing = loop.close().then(() => {
    closed = true;
  });
  expect(closed).toBe(false);
  finish({ restMs: 0, waitMs: 0 });
  await closing;
  expect(told.turns).toBe(1);
});

test('a stop does not wait for ever', async () => {
  const { loop } = start(() => new Promise(() => undefined));
  await loop.close();
});

test('a stop ends a wait and a rest at once', async () => {
  const { loop, told } = start((count) => (count === 1 ? FOREVER : { restMs: HOUR, waitMs: HOUR }));
  loop.wake();
  await until('the second turn', () => told.turns === 2);
  await loop.close();
  await loop.close();
});
