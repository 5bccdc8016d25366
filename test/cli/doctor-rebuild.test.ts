/** What doctor says of a rebuild that has not finished: tables may be half empty, and nothing else tells. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkDispatch } from '../../src/cli/doctor/dispatch.ts';
import { createPrismaDatabase, type PrismaDatabase } from '../support/prisma-database.ts';

let database: PrismaDatabase;
beforeAll(async () => {
  database = await createPrismaDatabase();
});
afterAll(() => database.drop());

const lease = (until: string) => database.query(`UPDATE projection_rebuilds SET lease_until = ${until}`);

test('warns of one that was stopped, says so of one at work, and is silent once it has finished', async () => {
  expect(await checkDispatch(database.prisma)).toEqual([{ level: 'ok', text: 'every event is dispatched' }]);
  await database.query(
    `INSERT INTO projection_rebuilds (id, tables, emptied_at, cursor_event_id, events_read, events_total, owner, lease_until)
     VALUES ('${randomUUID()}', '{stripe_prices}', now(), '${randomUUID()}', 500, 6027, '${randomUUID()}', now())`,
  );
  await lease(`now() - interval '1 minute'`);
  expect((await checkDispatch(database.prisma))[1]).toMatchObject({
    level: 'warning',
    text: expect.stringMatching(/is not finished \(500 of 6027 events\): until then its tables are incomplete$/),
  });
  await lease(`now() + interval '1 minute'`);
  expect((await checkDispatch(database.prisma))[1]).toMatchObject({ level: 'ok' });
  await database.query('UPDATE projection_rebuilds SET finished_at = now()');
  expect(await checkDispatch(database.prisma)).toHaveLength(1);
});
