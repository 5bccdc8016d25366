/** What doctor says of retention. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { checkRetention } from '../../src/cli/doctor/retention.ts';
import { storeOldRequests } from '../support/old-requests.ts';
import { createPrismaDatabase, type PrismaDatabase } from '../support/prisma-database.ts';

let database: PrismaDatabase;
beforeAll(async () => {
  database = await createPrismaDatabase();
});
afterAll(() => database.drop());
beforeEach(() => database.truncate());

const LIMITS = { rawDays: 30, eventDays: 400 };
const look = (limits = LIMITS) => checkRetention(database.prisma, limits);
const day = (ageDays: number) => new Date(Date.now() - ageDays * 86_400_000).toISOString().slice(0, 10);

test('shows the settings, the oldest rows and what has been removed', async () => {
  expect((await look())[0]?.text).toBe(
    'retention: requests 30 days, events 400 days; oldest request none, oldest event none; removed 0 requests, 0 events',
  );
  await storeOldRequests(database.url, [{ ageDays: 31 }, { ageDays: 3 }]);
  await database.query('UPDATE retention SET events_removed = 12, requests_removed = 1234');
  expect(await look({ rawDays: 0, eventDays: 0 })).toEqual([
    {
      level: 'ok',
      text: `retention: requests for ever, events for ever; oldest request ${day(31)}, oldest event ${day(31)}; removed 1,234 requests, 12 events`,
    },
  ]);
});

test('warns where requests are there that should have gone days ago, and not of those that are kept', async () => {
  await storeOldRequests(database.url, [
    { ageDays: 90, owed: [0] },
    { ageDays: 80, payloads: [{ $altered: true }] },
    { ageDays: 31.9 },
  ]);
  expect((await look()).map(({ level }) => level)).toEqual(['ok']);
  await storeOldRequests(database.url, [{ ageDays: 32.1 }]);
  const findings = await look();
  expect(findings.map(({ level }) => level)).toEqual(['ok', 'warning']);
  expect(findings[1]?.text).toBe('retention is behind: requests are there that should have gone more than 2 days ago');
  // With RAW_RETENTION_DAYS=0 they stay as long as their events.
  expect((await look({ rawDays: 0, eventDays: 400 })).map(({ level }) => level)).toEqual(['ok']);
});
