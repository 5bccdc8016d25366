/** What a rebuild would do, found out without doing it. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { OwedEvent, ProjectionFailure } from '../../src/core/dispatch.ts';
import type { RebuildScope, TouchedKeys } from '../../src/core/rebuild.ts';
import { projectorsOf } from '../../src/rebuild/scope.ts';
import { touchedKeys } from '../../src/rebuild/touched-keys.ts';
import { storeEvents } from '../support/counting-projector.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { MEMBER_TABLES } from '../support/member-projector.ts';
import { MEMBER_PROJECTORS, openRebuild, type RebuildPlace, scope, scopeFrom } from '../support/rebuild.ts';

let database: TestDatabase;
let place: RebuildPlace;
beforeAll(async () => {
  database = await createDatabase();
  await database.query(MEMBER_TABLES);
  place = openRebuild(database.url);
});
afterAll(async () => {
  await place.close();
  await database.drop();
});
beforeEach(async () => {
  await database.truncate();
  await database.query('DELETE FROM test_members; DELETE FROM test_letters');
});

async function survey(wanted: RebuildScope, during: () => Promise<void> | void = () => undefined) {
  const failures: ProjectionFailure[] = [];
  const projectors = projectorsOf(wanted, MEMBER_PROJECTORS);
  const touch = (events: readonly OwedEvent[]): TouchedKeys => touchedKeys(events, projectors);
  const { signal } = new AbortController();
  const onFailed = (failure: ProjectionFailure) => void failures.push(failure);
  return {
    survey: await place.store.survey(wanted, { touch, onFailed, onProgress: () => void during(), signal }),
    failures,
  };
}

const row = (name: string, updatedAt = `now() - interval '1 day'`) =>
  database.query(`INSERT INTO test_members VALUES ('stripe', '${name}', '[]', 1, ${updatedAt})`);
const everything = async () => ({
  members: await database.query('SELECT * FROM test_members ORDER BY name'),
  letters: await database.query('SELECT * FROM test_letters'),
  marks: await database.query('SELECT * FROM event_dispatch ORDER BY event_id'),
  rebuilds: await database.query('SELECT * FROM projection_rebuilds'),
});

test('tells rows, and those that no event touches, exactly, and changes nothing', async () => {
  await storeEvents(
    database.url,
    Array.from({ length: 1_200 }, (_, index) => ({ payload: { counters: [`kept ${index % 700}`] } })),
  );
  for (const name of ['kept 1', 'kept 699', 'kept 700', 'Kept 1', 'kept 1 ', 'gone']) await row(name);
  const before = await everything();
  expect((await survey(scope())).survey).toEqual({
    events: 1_200,
    failed: 0,
    tables: [
      { name: 'test_letters', rows: 0, vanishing: 0 },
      { name: 'test_members', rows: 6, vanishing: 4 },
    ],
  });
  expect(await everything()).toEqual(before);
});

test('rows of an event that fails would vanish, if no other touches them', async () => {
  const ids = await storeEvents(database.url, [
    { payload: { counters: ['a', 'b'], throws: 'reduce' } },
    { payload: { counters: ['b'] } },
    { payload: { counters: ['c'], throws: 'project' } },
    { payload: { counters: ['d'], throws: 'unfit' } },
    { payload: null },
  ]);
  for (const name of ['a', 'b', 'c', 'd']) await row(name);
  const { survey: found, failures } = await survey(scope('test_members'));
  expect(found).toEqual({ events: 5, failed: 3, tables: [{ name: 'test_members', rows: 4, vanishing: 3 }] });
  expect(failures.map(({ eventId }) => eventId).sort()).toEqual([ids[0], ids[2], ids[3]]);
});

test('a row that is written meanwhile is there for an event, and would not vanish', async () => {
  await storeEvents(database.url, [{ payload: { counters: ['a'] } }]);
  await row('old');
  let written: Promise<unknown> | undefined;
  const { survey: found } = await survey(scope('test_members'), () => {
    written = row('new', 'now()');
    return written.then(() => undefined);
  });
  await written;
  expect(found?.tables).toEqual([{ name: 'test_members', rows: expect.any(Number), vanishing: 1 }]);
});

test('from a time on nothing vanishes, and only events since then are counted', async () => {
  const at = new Date('2026-05-05T12:00:00Z');
  await storeEvents(
    database.url,
    [-1, 0, 1].map((hours) => ({
      payload: { counters: ['x'] },
      receivedAt: new Date(at.getTime() + hours * 3_600_000),
    })),
  );
  await row('old');
  expect((await survey(scopeFrom(at))).survey).toMatchObject({
    events: 2,
    tables: [{ name: 'test_letters' }, { rows: 1, vanishing: 0 }],
  });
});
