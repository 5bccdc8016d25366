/** What doctor says of destinations that do not get what they are owed. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { checkDestinations } from '../../src/cli/doctor/destinations.ts';
import { insertDestination } from '../support/destination-row.ts';
import { createPrismaDatabase, type PrismaDatabase } from '../support/prisma-database.ts';

let database: PrismaDatabase;
beforeAll(async () => {
  database = await createPrismaDatabase();
});
afterAll(() => database.drop());
beforeEach(() => database.truncate());

const look = () => checkDestinations(database.prisma, []);
const healthy = (count: number) => ({
  level: 'ok',
  text: `destinations: ${count}, and their secrets can be decrypted`,
});

async function openCircuit(destinationId: string): Promise<void> {
  await database.query(
    `INSERT INTO destination_state (destination_id, failures, failing_since, circuit_open, next_probe_at)
     VALUES ($1, 7, '2026-11-20T10:00:00Z', true, '2026-11-20T10:05:00Z')`,
    [destinationId],
  );
}

async function insertDeliveries(destinationId: string, state: string, count: number): Promise<void> {
  await database.query(
    `INSERT INTO deliveries (id, destination_id, request_id, source, provider, type, state, next_attempt_at, received_at, created_at)
     SELECT gen_random_uuid(), $1::uuid, gen_random_uuid(), 'stripe', 'stripe', 'x', $2, now(), now(), now()
       FROM generate_series(1, $3::int)`,
    [destinationId, state, count],
  );
}

test('says nothing more of one that works, nor of one that was paused by hand', async () => {
  const [works, paused] = [await insertDestination(database), await insertDestination(database)];
  await database.query("UPDATE destinations SET state = 'paused' WHERE id = $1", [paused]);
  await openCircuit(paused);
  await insertDeliveries(works, 'delivered', 2);
  await insertDeliveries(paused, 'pending', 2);
  expect(await look()).toEqual([healthy(2)]);
});

test('warns of one that the gateway has paused, with the reason and the way back', async () => {
  const id = await insertDestination(database, { name: 'shop' });
  await database.query("UPDATE destinations SET state = 'auto_paused', pause_reason = 'it answered 410 Gone'");
  await openCircuit(id);
  expect(await look()).toEqual([
    healthy(1),
    {
      level: 'warning',
      text: 'destination shop: the gateway has paused it: it answered 410 Gone',
      advice: expect.stringContaining('resume it: `webhook-gateway destinations resume shop`'),
    },
  ]);
});

test('warns of one that is only probed, with the time of the next probe', async () => {
  await openCircuit(await insertDestination(database, { name: 'shop' }));
  expect(await look()).toEqual([
    healthy(1),
    {
      level: 'warning',
      text: 'destination shop: it has failed since 2026-11-20T10:00:00.000Z, and is only probed; the next probe is at 2026-11-20T10:05:00.000Z',
      advice: expect.stringContaining('`webhook-gateway deliveries --destination shop`'),
    },
  ]);
});

test('counts dead deliveries by destination', async () => {
  await insertDeliveries(await insertDestination(database, { name: 'shop' }), 'dead', 1_234);
  await insertDeliveries(await insertDestination(database, { name: 'billing' }), 'dead', 1);
  expect(await look()).toEqual([
    healthy(2),
    {
      level: 'warning',
      text: 'destination billing: 1 delivery is dead',
      advice: expect.stringContaining('`webhook-gateway deliveries redrive billing`'),
    },
    {
      level: 'warning',
      text: 'destination shop: 1,234 deliveries are dead',
      advice: expect.stringContaining('`webhook-gateway deliveries dead --destination shop`'),
    },
  ]);
});
