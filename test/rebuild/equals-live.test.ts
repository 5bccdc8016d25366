/** A rebuild of the real projections equals what dispatch has made live, table by table, column by column. */
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { VerifiedRequest } from '../../src/core/event.ts';
import { rowId } from '../../src/core/row-id.ts';
import { Dispatcher } from '../../src/dispatch/dispatcher.ts';
import { requestFromSpool } from '../../src/ingest/verified-request.ts';
import { providers } from '../../src/providers/index.ts';
import { projectors } from '../../src/providers/projectors.ts';
import { scopeOf } from '../../src/rebuild/scope.ts';
import { createEventStore } from '../../src/storage/postgres/event-store.ts';
import { SEQUENCES } from '../providers/stripe/projections/sequences.ts';
import { corpus } from '../support/corpus.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { openDispatch } from '../support/dispatch.ts';
import { openRebuild } from '../support/rebuild.ts';
import { fresh } from '../support/webhooks.ts';

const WHATSAPP_TYPES = [
  'message.text',
  'message.reaction',
  'status.sent',
  'status.delivered',
  'status.read',
  'status.failed',
];
const TABLES = Object.values(projectors).flatMap(({ tables }) => tables.map(({ name }) => name));

let database: TestDatabase;
let live: Record<string, unknown[]>;

/** Bodies that share their ids, so that rows are made of many events; stored in no order. */
function requests(): VerifiedRequest[] {
  const bodies = corpus().map(({ provider, body }) => ({ provider, body }));
  const samples = Array.from({ length: 40 }, (_, message) =>
    WHATSAPP_TYPES.map((type) => fresh('whatsapp', type, `${message}`.padStart(32, '0'))),
  ).flat();
  const sequences = SEQUENCES.flatMap(({ events }) => events).map(({ payload }) => ({
    provider: 'stripe' as const,
    body: Buffer.from(JSON.stringify(payload)),
  }));
  return [...bodies, ...samples, ...sequences]
    .sort(() => Math.random() - 0.5)
    .map(({ provider, body }) => {
      const request = { id: rowId(), source: provider, provider, receivedAt: new Date(), headers: {}, body, secret: 0 };
      return requestFromSpool({ ...request, eventIds: new Map() }, providers[provider]);
    });
}

async function snapshot(): Promise<Record<string, unknown[]>> {
  const tables: Record<string, unknown[]> = {};
  for (const name of TABLES) {
    const rows = await database.query(`SELECT to_jsonb(t) - 'updated_at' AS row FROM ${name} AS t ORDER BY 1`);
    tables[name] = rows.map(({ row }) => row);
  }
  return tables;
}

beforeAll(async () => {
  database = await createDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 1 });
  const dispatch = openDispatch(database.url);
  try {
    const store = createEventStore(pool, () => undefined);
    const dispatcher = new Dispatcher({ ...dispatch.options, projectors });
    const all = requests();
    // In small parts, so that rows are overwritten again and again.
    for (let at = 0; at < all.length; at += 10) {
      await store.append(all.slice(at, at + 10));
      while ((await dispatcher.turn()).events > 0);
    }
  } finally {
    await Promise.all([pool.end(), dispatch.close()]);
  }
  live = await snapshot();
});
afterAll(() => database.drop());

async function rebuild(...names: string[]): Promise<void> {
  const scope = scopeOf(names, null, projectors);
  const place = openRebuild(database.url);
  try {
    const { end, failures } = await place.run(await place.begin(scope), scope, { projectors });
    expect(end).toEqual({ outcome: 'finished', unparked: 0 });
    expect(failures).toEqual([]);
  } finally {
    await place.close();
  }
}

it('has rows in most tables to compare', () => {
  expect(TABLES.filter((name) => (live[name]?.length ?? 0) > 0).length).toBeGreaterThan(10);
});

it('as a whole', async () => {
  await rebuild();
  expect(await snapshot()).toEqual(live);
});

it('provider by provider, and table by table', async () => {
  await rebuild('whatsapp');
  await rebuild('stripe');
  expect(await snapshot()).toEqual(live);
  for (const name of TABLES) await rebuild(name);
  expect(await snapshot()).toEqual(live);
});

it('of tables in which somebody has changed, added and deleted rows', async () => {
  await database.query(`UPDATE whatsapp_messages SET status = 'sent', read_at = NULL, decided_by = NULL;
    DELETE FROM stripe_invoices; INSERT INTO stripe_customers (source, id, account, livemode, updated_at)
    VALUES ('stripe', 'cus_nobody', '-', 'false', now())`);
  expect(await snapshot()).not.toEqual(live);
  await rebuild();
  expect(await snapshot()).toEqual(live);
});
