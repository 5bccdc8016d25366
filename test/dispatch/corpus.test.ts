/**
 * Every body that is replayed (CORPUS_DIR adds more), stored and dispatched as a daemon does it: nothing is parked, and the
 * rows in PostgreSQL are those that the reducers make, column by column. Each body is a source of its own, for many of them
 * share their ids.
 */
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ProjectionTable } from '../../src/core/projection.ts';
import { rowId } from '../../src/core/row-id.ts';
import { Dispatcher } from '../../src/dispatch/dispatcher.ts';
import { requestFromSpool } from '../../src/ingest/verified-request.ts';
import { providers } from '../../src/providers/index.ts';
import { projectors } from '../../src/providers/projectors.ts';
import { createEventStore } from '../../src/storage/postgres/event-store.ts';
import { corpus } from '../support/corpus.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { openDispatch } from '../support/dispatch.ts';
import { projectInMemory, storedEvents } from '../support/project-in-memory.ts';

const bodies = corpus().map((body, index) => ({ ...body, source: `body-${index}` }));
const requests = bodies.map(({ provider, source, body }) => {
  const request = { id: rowId(), source, provider, receivedAt: new Date(), headers: {}, body, secret: 0 };
  return requestFromSpool({ ...request, eventIds: new Map() }, providers[provider]);
});
const failures: unknown[] = [];

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 1 });
  const place = openDispatch(database.url);
  try {
    await createEventStore(pool, () => undefined).append(requests);
    const dispatcher = new Dispatcher({ ...place.options, projectors });
    while ((await dispatcher.turn()).events > 0);
    failures.push(...place.failures);
  } finally {
    await Promise.all([pool.end(), place.close()]);
  }
});
afterAll(() => database.drop());

it('leaves nothing owed, and nothing parked', async () => {
  expect(failures).toEqual([]);
  expect(await database.query('SELECT * FROM event_dispatch')).toEqual([]);
  const [stored] = await database.query('SELECT count(*)::int AS n FROM events');
  expect(stored).toEqual({ n: requests.flatMap(({ events }) => events).length });
});

it.each(bodies.map(({ name }, index) => ({ name, index })))('$name has the rows that it should', async ({ index }) => {
  const request = requests[index];
  if (request === undefined) throw new Error('unreachable');
  const { source, provider, receivedAt, events } = request;
  const expected = projectInMemory(projectors[provider], storedEvents(events, source, receivedAt)).all();
  for (const table of projectors[provider].tables) {
    const rows = await database.query(`SELECT * FROM ${table.name} WHERE source = $1`, [source]);
    const found = rows.map((row) => asInMemory(table, row)).sort(byKey(table));
    expect(found, table.name).toEqual([...(expected[table.name] ?? [])].sort(byKey(table)));
  }
});

/** What is not null, but for the time of writing; `pg` reads bigint as text. */
function asInMemory({ columns }: ProjectionTable, row: Record<string, unknown>): Record<string, unknown> {
  const present = Object.entries(row).filter(([name, value]) => value !== null && name !== 'updated_at');
  return Object.fromEntries(present.map(([name, value]) => [name, columns[name] === 'bigint' ? Number(value) : value]));
}

function byKey({ key }: ProjectionTable) {
  const nameOf = (row: Record<string, unknown>) => key.map((column) => row[column]).join('\0');
  return (one: Record<string, unknown>, other: Record<string, unknown>) => (nameOf(one) < nameOf(other) ? -1 : 1);
}
