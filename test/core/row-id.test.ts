import { expect, test } from 'vitest';
import { eventRowId, firstIdAt, rowId } from '../../src/core/row-id.ts';
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

test('of an event is new, and of the millisecond of its request', async () => {
  const request = rowId();
  const last = Date.now();
  await until('the next millisecond', () => Date.now() > last);
  const ids = Array.from({ length: 300 }, () => eventRowId(request));
  expect(new Set(ids.map((id) => id.slice(0, 13)))).toEqual(new Set([request.slice(0, 13)]));
  expect(new Set([...ids, request]).size).toBe(301);
  expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('of the events of a body ascend in its order', () => {
  const request = rowId();
  for (const first of [0, 4_000, 65_500]) {
    const ids = Array.from({ length: 300 }, (_, index) => eventRowId(request, first + index));
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(300);
  }
  expect(eventRowId(request, 262_143) > eventRowId(request, 262_142)).toBe(true);
});

test('of more events than can be counted is still one of its own, above the others', () => {
  const request = rowId();
  const ids = [262_143, 262_144, 1_000_000].map((index) => eventRowId(request, index));
  expect(new Set(ids).size).toBe(3);
  for (const id of ids) expect(id > eventRowId(request, 262_142)).toBe(true);
  expect(ids[2]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('the first of a time sorts before every id of that millisecond, and after those of the one before', () => {
  const id = rowId();
  const time = Number.parseInt(id.replace('-', '').slice(0, 12), 16);
  expect(firstIdAt(new Date(time)) < id).toBe(true);
  expect(firstIdAt(new Date(time + 1)) > id).toBe(true);
});

test('before 1970 the least id is the least of all', () => {
  expect(firstIdAt(new Date(-1))).toBe('00000000-0000-0000-0000-000000000000');
});
