/** Ids of a person in conditions that operators have typed. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { describeConditions } from '../../src/cli/erase/sentences.ts';
import { isUnknown } from '../../src/erasure/report.ts';
import { addDestination } from '../support/deliveries.ts';
import { type ErasurePlace, openErasurePlace } from './erasure-place.ts';
import { mentions } from './mentions.ts';
import { IDS_OF_MIA, JAN, MIA, OLD_MIA, OWN } from './people.ts';

let place: ErasurePlace;
beforeAll(async () => {
  place = await openErasurePlace();
});
beforeEach(async () => {
  await place.empty();
  await place.database.query('DELETE FROM followers');
});
afterAll(() => place.close());

async function addReplay(state: string, condition: string): Promise<string> {
  const id = randomUUID();
  await place.database.query(
    `INSERT INTO replays (id, state, created_by, types, condition, ignore_filter, next_step_at, created_at)
     VALUES ($1, $2, 'an operator', '{*}', $3, false, now(), now())`,
    [id, state, condition],
  );
  return id;
}

async function addFollower(name: string, condition: string): Promise<string> {
  const id = randomUUID();
  await place.database.query(
    `INSERT INTO followers (id, name, types, condition, format, acked_to, acked, created_at, seen_at)
     VALUES ($1, $2, '{*}', $3, 'event', 0, '{}', now(), now())`,
    [id, name, condition],
  );
  return id;
}

const conditionOf = async (id: string) =>
  (await place.database.query('SELECT condition::text FROM replays WHERE id = $1', [id]))[0]?.['condition'];

it('takes them out of replays that have ended, and nothing else', async () => {
  await place.append(OWN);
  await place.dispatch();
  const number = Number(MIA.wa_id);
  const ended = await Promise.all([
    addReplay('done', `{"from": {"$in": ["${MIA.wa_id}", "+${MIA.wa_id}", "${JAN.wa_id}"]}}`),
    addReplay('failed', `{"n": 12345678901234567890, "$or": [{"from": ${number}}, {"by": {"$ne": "${OLD_MIA}"}}]}`),
    addReplay('cancelled', `{"of.${MIA.user_id}": {"$exists": true}}`),
  ]);
  const others = await addReplay('done', `{"from": "${JAN.wa_id}"}`);
  const dry = await place.erase(MIA.user_id, { dryRun: true });
  expect(dry.conditions).toEqual({ rewritten: 3, left: [] });
  expect(await mentions(place.database, IDS_OF_MIA)).toContain('replays.condition: 3');

  expect((await place.erase(MIA.user_id)).conditions).toEqual({ rewritten: 3, left: [] });
  expect(await Promise.all(ended.map(conditionOf))).toEqual([
    `{"from": {"$in": ["(erased)", "(erased)", "${JAN.wa_id}"]}}`,
    '{"n": 12345678901234567890, "$or": [{"from": "(erased)"}, {"by": {"$ne": "(erased)"}}]}',
    '{"(erased)": {"$exists": true}}',
  ]);
  expect(await conditionOf(others)).toBe(`{"from": "${JAN.wa_id}"}`);
  expect(await mentions(place.database, IDS_OF_MIA)).toEqual([]);
});

it('leaves those on which something hangs, and says whose they are', async () => {
  await place.append(OWN);
  await place.dispatch();
  const condition = { $or: [{ from: JAN.wa_id }, { from: OLD_MIA }] };
  const billing = await addDestination(place.database, { name: 'billing', condition });
  await addDestination(place.database, { name: 'for Jan', condition: { from: JAN.wa_id } });
  await addDestination(place.database, { name: 'all' });
  const laptop = await addFollower('laptop', `{"from": "${MIA.wa_id}"}`);
  const running = await addReplay('running', `{"from": "${MIA.wa_id}"}`);
  const cancelling = await addReplay('cancelling', `{"from": "${MIA.user_id}"}`);
  const report = await place.erase(MIA.wa_id);
  const replays = [running, cancelling].sort().map((id) => ({ of: 'replay', id, name: null }));
  expect(report.conditions).toEqual({
    rewritten: 0,
    left: [
      { of: 'destination', id: billing, name: 'billing' },
      { of: 'follower', id: laptop, name: 'laptop' },
      ...replays,
    ],
  });
  expect(await mentions(place.database, IDS_OF_MIA)).toEqual([
    'destinations.condition: 1',
    'followers.condition: 1',
    'replays.condition: 2',
  ]);
  // Two sources find the same ones.
  const said = describeConditions([report, report]);
  expect(said.split('\n').slice(1, 4)).toEqual([
    `  destination billing (${billing}): webhook-gateway destinations update`,
    `  follower laptop (${laptop}): webhook-gateway followers delete`,
    `  replay ${replays[0]?.id}: has not ended: run this again when it has`,
  ]);
  expect(said.match(/^ {2}/gm)).toHaveLength(4);
  for (const id of IDS_OF_MIA) expect(said).not.toContain(id);
});

it('knows a person whom nothing but a condition names', async () => {
  expect(isUnknown(await place.erase('DE.404'))).toBe(true);
  await addDestination(place.database, { name: 'left', condition: { from: 'DE.404' } });
  const report = await place.erase('DE.404');
  expect(isUnknown(report)).toBe(false);
  expect(describeConditions([report])).toContain('destination left (');
  expect(describeConditions([await place.erase('DE.405')])).toBe('');
});
