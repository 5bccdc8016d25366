import { expect, test } from 'vitest';
import { requestDays, walksOf } from '../../src/core/retention.ts';

test.each([
  { rawDays: 30, eventDays: 400, requests: 30 },
  { rawDays: 90, eventDays: 35, requests: 35 },
  { rawDays: 0, eventDays: 400, requests: 400 },
  { rawDays: 30, eventDays: 0, requests: 30 },
  { rawDays: 0, eventDays: 0, requests: 0 },
])('requests for $rawDays days and events for $eventDays: requests go after $requests', ({ requests, ...limits }) => {
  expect(requestDays(limits)).toBe(requests);
});

test('what is kept for ever is not walked over', () => {
  expect(walksOf({ rawDays: 30, eventDays: 400 })).toEqual([
    { table: 'events', days: 400 },
    { table: 'requests', days: 30 },
  ]);
  expect(walksOf({ rawDays: 30, eventDays: 0 })).toEqual([{ table: 'requests', days: 30 }]);
  expect(walksOf({ rawDays: 0, eventDays: 0 })).toEqual([]);
});
