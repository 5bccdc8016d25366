import { expect, test } from 'vitest';
import { DrainPace } from '../../src/ingest/drain-pace.ts';

const LIMIT = 1_000;

test('beside live traffic statements are smaller', () => {
  const pace = new DrainPace(LIMIT);
  expect([pace.records(false), pace.records(true)]).toEqual([500, 100]);
});

test('failures end with a single record, and quick commits with many again', () => {
  const pace = new DrainPace(LIMIT);
  for (let n = 0; n < 4; n++) pace.failed();
  expect(pace.records(false)).toBe(1);
  for (let n = 0; n < 10; n++) pace.committed(10);
  expect(pace.records(false)).toBe(500);
});

test('where each row takes long, statements shrink until one is committed in time, and stay so', () => {
  const pace = new DrainPace(LIMIT);
  const took: number[] = [];
  for (let n = 0; n < 50; n++) {
    const milliseconds = pace.records(false) * 15;
    took.push(milliseconds);
    pace.committed(milliseconds);
  }
  expect(took.slice(5).every((milliseconds) => milliseconds < LIMIT)).toBe(true);
});

test('where even a single record takes long, they are large, with a small one in between to find out', () => {
  const pace = new DrainPace(LIMIT);
  const sizes: number[] = [];
  for (let n = 0; n < 100; n++) {
    sizes.push(pace.records(false));
    pace.committed(3_000);
  }
  expect(sizes.filter((size) => size === 500).length).toBeGreaterThan(60);
  expect(sizes.filter((size) => size === 1).length).toBeGreaterThan(4);
});
