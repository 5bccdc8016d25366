/** Ingest and dispatch go on while somebody is erased: nobody deadlocks, nothing comes back, nothing of others is lost. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { message } from '../providers/whatsapp/projections/projected.ts';
import { type ErasurePlace, openErasurePlace } from './erasure-place.ts';
import { mentions } from './mentions.ts';
import { JAN, MIA, MIXED, OTHERS, OWN, text } from './people.ts';

let place: ErasurePlace;
beforeAll(async () => {
  place = await openErasurePlace();
});
afterAll(() => place.close());

async function deadlocks(): Promise<number> {
  const [row] = await place.database.query(
    'SELECT deadlocks::int AS n FROM pg_stat_database WHERE datname = current_database()',
  );
  return row?.n ?? -1;
}

/** Messages of a group, and reactions to those of others. */
function chatter(round: number, mark: string): object[] {
  return Array.from({ length: 10 }, (_, index) => {
    const [writer, other] = index % 2 === 0 ? [MIA, JAN] : [JAN, MIA];
    const id = `${mark}-${round}-${index}`;
    const reaction = { message_id: `${mark}-${round}-${Math.floor(Math.random() * 10)}`, emoji: '👍' };
    const context = { from: other.wa_id, id: reaction.message_id };
    return [
      message(text(writer, id, round, `${mark} ${round}`, { group_id: 'G', context }), writer),
      message(
        {
          from: other.wa_id,
          from_user_id: other.user_id,
          id: `r-${id}`,
          group_id: 'G',
          timestamp: '1763640999',
          type: 'reaction',
          reaction,
        },
        other,
      ),
    ];
  }).flat();
}

it('erases what was there before, and keeps what comes', async () => {
  const before = await deadlocks();
  await place.append([...OWN, ...MIXED, ...OTHERS]);
  // That her ids are one person's is known: one that has a row of its own, and no link yet, counts as somebody else's.
  await place.dispatch();
  for (let round = 0; round < 10; round++) await place.append(chatter(round, 'before'));
  // Some of it is still owed when the erasure begins.
  const workers = [place.startWorker(), place.startWorker()];
  let round = 0;
  const ingest = async () => {
    const end = round + 8;
    for (; round < end; round++) await place.append(chatter(round, 'during'));
  };
  for (let times = 0; times < 3; times++) {
    const [report] = await Promise.all([place.erase(MIA.wa_id), ingest()]);
    if (times === 0) expect(report.events.erased).toBeGreaterThanOrEqual(OWN.length + 10 * 10);
  }
  await Promise.all(workers.map((worker) => worker.stop()));
  await place.dispatch();
  const erased = `SELECT count(*)::int AS n FROM events WHERE payload::text LIKE '%"from": "${MIA.wa_id}"%' AND dedupe_key LIKE 'message:before%'`;
  expect(await place.database.query(erased)).toEqual([{ n: 0 }]);
  expect(await place.tables()).toEqual(await place.rebuild());
  expect(await deadlocks()).toBe(before);

  await place.erase(MIA.wa_id);
  const tables = await place.tables();
  expect(tables).toEqual(await place.rebuild());
  expect(await mentions(place.database, [MIA.user_id])).toEqual([]);
});
