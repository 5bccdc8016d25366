import { expect, test } from 'vitest';
import { rowId } from '../../src/core/row-id.ts';
import { until } from '../support/until.ts';

test('is a UUID v7 of the present millisecond', () => {
  const before = Date.now();
  const id = rowId();
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const madeAt = Number.parseInt(id.replace('-', '').slice(0, 12), 16);
  expect(madeAt).toBeGreaterThanOrEqual(before);
  expect(madeAt).toBeLessThanOrEqual(Date.now());
});

test('never comes twice, however often the randomness is drawn anew', () => {
  const ids = Array.from({ length: 10_000 }, rowId);
  expect(new Set(ids).size).toBe(ids.length);
  // A draw that came round again would show here, whatever the millisecond.
  expect(new Set(ids.map((id) => id.slice(14))).size).toBe(ids.length);
});

test('sorts after every id of an earlier millisecond', async () => {
  const earlier = Array.from({ length: 300 }, rowId);
  const last = Date.now();
  await until('the next millisecond', () => Date.now() > last);
  const later = Array.from({ length: 300 }, rowId);
  expect([...earlier, ...later].sort().slice(0, 300)).toEqual(earlier.sort());
});
