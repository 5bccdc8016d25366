/** A rebuild on a real PostgreSQL: the rows are those of the events, whatever happens meanwhile. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Dispatcher } from '../../src/dispatch/dispatcher.ts';
import { projectBatch } from '../../src/dispatch/project-batch.ts';
import { type CountingPayload, storeEvents, type TestEvent } from '../support/counting-projector.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { openDispatch } from '../support/dispatch.ts';
import { expectedMembers, MEMBER_TABLES, READ_MEMBERS } from '../support/member-projector.ts';
import { MEMBER_PROJECTORS, openRebuild, type RebuildPlace, scope, scopeFrom } from '../support/rebuild.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let place: RebuildPlace;
let closers: (() => Promise<unknown>)[];
beforeAll(async () => {
  database = await createDatabase();
  await database.query(MEMBER_TABLES);
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.truncate();
  await database.query('DELETE FROM test_members; DELETE FROM test_letters; DELETE FROM projection_rebuilds');
  closers = [];
  place = open();
});
afterEach(async () => {
  for (const close of closers.reverse()) await close();
});

function open(url = database.url, timeoutMs?: number): RebuildPlace {
  const opened = openRebuild(url, timeoutMs);
  closers.push(() => opened.close());
  return opened;
}

function openDispatcher(): Dispatcher {
  const dispatch = openDispatch(database.url);
  closers.push(() => dispatch.close());
  return new Dispatcher({ ...dispatch.options, projectors: MEMBER_PROJECTORS });
}

async function dispatchAll(dispatcher = openDispatcher()): Promise<void> {
  while ((await dispatcher.turn()).events > 0);
}

const rows = async (): Promise<string[]> => (await database.query(READ_MEMBERS)).map(({ row }) => row).sort();
/** Rows that differ, few and short: a failure prints them. */
async function wrongRows(expected: readonly string[]): Promise<string[]> {
  const found = await rows();
  const [there, wanted] = [new Set(found), new Set(expected)];
  const wrong = [
    ...found.filter((row) => !wanted.has(row)).map((row) => `is: ${row}`),
    ...expected.filter((row) => !there.has(row)).map((row) => `should be: ${row}`),
  ];
  return wrong.slice(0, 10).map((row) => row.slice(0, 200));
}
const marks = () => database.query('SELECT event_id, routed_at, attempts, next_attempt_at, error FROM event_dispatch');

/** Names of which some are in many events, and some in one. */
const some = (amount: number, prefix = ''): TestEvent[] =>
  Array.from({ length: amount }, (_, index) => ({
    payload: { counters: [`${prefix}shared ${index % 97}`, `${prefix}own ${index}`] },
  }));
const withNames = (ids: readonly string[], events: readonly TestEvent[]) =>
  ids.map((id, index) => ({ id, names: events[index]?.payload?.counters ?? [] }));

test('the tables are what dispatch made of the events, and what no event tells of is gone', async () => {
  const events = some(1_300);
  const ids = await storeEvents(database.url, events);
  await dispatchAll();
  const live = await rows();
  expect(live).toEqual(expectedMembers(withNames(ids, events)));
  await database.query(`DELETE FROM test_members WHERE name LIKE 'own%'; UPDATE test_letters SET names = '["wrong"]';
    INSERT INTO test_members VALUES ('stripe', 'junk', '["junk"]', 1, now())`);
  const { end, last, failures } = await place.run(await place.begin(scope()), scope());
  expect(await wrongRows(live)).toEqual([]);
  expect(end).toEqual({ outcome: 'finished', unparked: 0 });
  expect(last).toEqual({ eventsRead: 1_300, eventsTotal: 1_300, eventsFailed: 0, ended: true });
  expect(failures).toEqual([]);
  expect(await marks()).toEqual([]);
  // Nothing is left to go on with.
  expect(await place.store.unfinished()).toBe(null);
});

test('tables that are not named are left alone', async () => {
  await storeEvents(database.url, some(10));
  await dispatchAll();
  const live = await rows();
  await database.query(`UPDATE test_letters SET names = '["left"]'; DELETE FROM test_members`);
  await place.run(await place.begin(scope('test_members')), scope('test_members'));
  const now = await rows();
  expect(now.filter((row) => row.startsWith('test_members'))).toEqual(
    live.filter((row) => row.startsWith('test_members')),
  );
  expect(now.filter((row) => row.startsWith('test_letters'))).toEqual(['test_letters o: left', 'test_letters s: left']);
});

test('from a time on, events received since then are applied, and nothing is emptied', async () => {
  const at = new Date('2026-05-05T12:00:00.000Z');
  const minutes = (count: number) => new Date(at.getTime() + count * 60_000);
  const events: TestEvent[] = [-90, -30, 0, 30].map((offset) => ({
    payload: { counters: [`at ${offset}`] },
    receivedAt: minutes(offset),
  }));
  const ids = await storeEvents(database.url, events);
  // Its id was made by a clock that was half an hour behind; that of the one before is as late, but it was received earlier.
  await database.query('UPDATE events SET received_at = $2 WHERE id = $1', [ids[1], minutes(1)]);
  await database.query('UPDATE events SET received_at = $2 WHERE id = $1', [ids[3], minutes(-1)]);
  await database.query(`INSERT INTO test_members VALUES ('stripe', 'kept', '["kept"]', 1, now())`);
  await place.run(await place.begin(scopeFrom(at)), scopeFrom(at));
  const found = (await rows()).filter((row) => row.startsWith('test_members'));
  expect(found).toEqual([`test_members at -30: ${ids[1]}`, `test_members at 0: ${ids[2]}`, 'test_members kept: kept']);
});

test('stopped after a batch, it goes on behind it', async () => {
  const events = some(1_700);
  const ids = await storeEvents(database.url, events);
  const stop = new AbortController();
  const { end, last } = await place.run(await place.begin(scope()), scope(), {
    signal: stop.signal,
    onProgress: ({ eventsRead }) => eventsRead > 0 && stop.abort('SIGINT'),
  });
  expect(end).toEqual({ outcome: 'stopped' });
  // It was told after the first batch, and finished the one under way.
  expect(last.eventsRead).toBe(500);
  const other = open();
  const rebuild = await other.begin(scope());
  expect(rebuild.state).toMatchObject({ eventsRead: 500, emptied: true, leaseMs: 0 });
  // What the first part has written is not written again.
  await database.query('UPDATE test_members SET heaviest = 77');
  const again = await other.run(rebuild, scope());
  expect(again.end.outcome).toBe('finished');
  expect(again.last).toMatchObject({ eventsRead: 1_700, eventsTotal: 1_700 });
  expect(await wrongRows(expectedMembers(withNames(ids, events)))).toEqual([]);
  const [old] = await database.query(
    `SELECT count(*)::int AS n FROM test_members WHERE heaviest = 77 AND name LIKE 'own%'`,
  );
  expect(old.n).toBe(500);
});

const POISONS: readonly (readonly [string, CountingPayload, RegExp])[] = [
  ['throws when it is projected', { throws: 'project' }, /^RangeError at member-projector\.ts:\d+$/],
  ['throws when it is applied', { counters: ['shared 1'], throws: 'reduce' }, /^TypeError at member-projector\.ts/],
  [
    'makes a row that its table cannot hold',
    { counters: ['shared 1'], throws: 'unfit' },
    /^test_members\.heaviest is not/,
  ],
  [
    'makes a row that PostgreSQL refuses',
    { counters: ['shared 1'], by: 1e6 },
    /^PostgreSQL refused \(SQLSTATE 23514\)$/,
  ],
];

test.each(POISONS)('an event that %s is left to dispatch, and all others are applied', async (_, payload, error) => {
  const events = some(1_200);
  events[700] = { payload };
  const ids = await storeEvents(database.url, events);
  await database.query('DELETE FROM event_dispatch');
  const { last, failures } = await place.run(await place.begin(scope()), scope());
  const others = withNames(ids, events).filter(({ id }) => id !== ids[700]);
  expect(await wrongRows(expectedMembers(others))).toEqual([]);
  expect(failures).toMatchObject([{ eventId: ids[700], error: expect.stringMatching(error) }]);
  expect(last).toMatchObject({ eventsFailed: 1, eventsRead: 1_200, ended: true });
  expect(await marks()).toEqual([
    {
      event_id: ids[700],
      routed_at: expect.any(Date),
      attempts: 0,
      next_attempt_at: null,
      error: expect.stringMatching(error),
    },
  ]);
});

test('an event whose batch never comes to its end is passed over, and its neighbours are not', async () => {
  const events = some(30);
  const ids = await storeEvents(database.url, events);
  await database.query('DELETE FROM event_dispatch');
  // Longer than a statement may take, which looks like an outage and not like a fault of the data.
  await database.query(`CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN IF NEW.events ? '${ids[13]}' THEN PERFORM pg_sleep(60); END IF; RETURN NEW; END $$;
    CREATE TRIGGER dawdle BEFORE INSERT OR UPDATE ON test_members FOR EACH ROW EXECUTE FUNCTION dawdle()`);
  try {
    const slow = open(database.url, 300);
    const { failures } = await slow.run(await slow.begin(scope()), scope());
    expect(failures.map(({ eventId }) => eventId)).toEqual([ids[13]]);
    expect(await wrongRows(expectedMembers(withNames(ids, events).filter(({ id }) => id !== ids[13])))).toEqual([]);
    expect((await marks()).map(({ event_id }) => event_id)).toEqual([ids[13]]);
  } finally {
    await database.query('DROP FUNCTION dawdle CASCADE');
  }
});

test('parked events that were passed are due again at the end, others are not', async () => {
  const events = some(3);
  const ids = await storeEvents(database.url, events);
  await database.query(`UPDATE event_dispatch SET attempts = 8, next_attempt_at = 'infinity', error = 'Why'`);
  await database.query(`UPDATE events SET provider = 'whatsapp' WHERE id = $1`, [ids[0]]);
  const { end } = await place.run(await place.begin(scope()), scope());
  expect(end).toEqual({ outcome: 'finished', unparked: 2 });
  expect((await marks()).map((mark) => [mark.event_id, mark.attempts, mark.next_attempt_at]).sort()).toEqual([
    [ids[0], 8, Number.POSITIVE_INFINITY],
    [ids[1], 0, null],
    [ids[2], 0, null],
  ]);
  await dispatchAll();
  expect((await marks()).map(({ event_id }) => event_id)).toEqual([ids[0]]);
});

test('what is too large for one batch is in the next', async () => {
  // Of random digits, which cannot be compressed away.
  const events = Array.from({ length: 12 }, (_, index) => ({
    payload: { counters: [`${index}`], padding: randomBytes(20_000).toString('hex') },
  }));
  const ids = await storeEvents(database.url, events);
  const rebuild = await place.begin(scope());
  await rebuild.empty({ acceptLoss: false });
  await rebuild.measure();
  const options = { projectors: MEMBER_PROJECTORS, faults: new Map(), retryDelays: [] };
  const sizes: number[] = [];
  // One event alone has more than the third allows.
  for (const bytes of [100_000, 130_000, 10, 1e9]) {
    const loaded = await rebuild.project({ events: 500, bytes }, (batch) => ({
      ...projectBatch(batch, options),
      deliveries: [],
    }));
    sizes.push(loaded.length);
  }
  expect(sizes).toEqual([2, 3, 1, 6]);
  expect(await rebuild.progress()).toMatchObject({ eventsRead: 12, ended: true });
  expect(await wrongRows(expectedMembers(withNames(ids, events)))).toEqual([]);
});

test('an event that is committed behind the cursor comes in live', async () => {
  const events = some(600);
  const early = new Date('2026-01-01T00:00:00Z');
  const [late = ''] = await storeEvents(database.url, [{ payload: { counters: ['late'] }, receivedAt: early }]);
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  closers.push(() => client.end());
  // As a batch of ingest whose commit takes its time.
  await client.query('BEGIN');
  await client.query(`CREATE TEMPORARY TABLE late ON COMMIT DROP AS SELECT * FROM events WHERE id = '${late}'`);
  await database.query('DELETE FROM event_dispatch; DELETE FROM events');
  await client.query('INSERT INTO events SELECT * FROM late');
  await client.query('INSERT INTO event_dispatch (event_id, received_at) SELECT id, received_at FROM late');
  const ids = await storeEvents(database.url, events);
  let committed = false;
  await place.run(await place.begin(scope()), scope(), {
    async onProgress({ eventsRead }) {
      if (eventsRead === 0 || committed) return;
      committed = true;
      await client.query('COMMIT');
    },
  });
  await dispatchAll();
  const all = [{ id: late, names: ['late'] }, ...withNames(ids, events)];
  expect(await wrongRows(expectedMembers(all))).toEqual([]);
});

async function deadlocks(): Promise<number> {
  await database.query('SELECT pg_stat_force_next_flush()').catch(() => undefined);
  const [row] = await database.query(
    'SELECT deadlocks::int AS n FROM pg_stat_database WHERE datname = current_database()',
  );
  return row?.n ?? -1;
}

test('rebuilt again and again while events come in and three workers dispatch them: every row is right, no deadlock', async () => {
  const before = await deadlocks();
  const known: { readonly id: string; readonly names: readonly string[] }[] = [];
  let running = true;
  const store = async (name: string) => {
    for (let round = 0; running; round++) {
      const events = some(60, `${String.fromCharCode(97 + (round % 26))} ${name} `).map(({ payload }, index) => ({
        // A few rows that all of them touch, in every order.
        payload: { counters: [...(payload?.counters ?? []), `hot ${index % 5}`].sort(() => Math.random() - 0.5) },
      }));
      known.push(...withNames(await storeEvents(database.url, events), events));
      await until('dispatch to come near', async () => {
        const [owed] = await database.query('SELECT count(*)::int AS n FROM event_dispatch');
        return owed.n < 300;
      });
    }
  };
  const dispatch = async () => {
    const dispatcher = openDispatcher();
    while (running) await dispatcher.turn();
  };
  const load = [store('one'), store('two'), dispatch(), dispatch(), dispatch()];
  const reader = (async () => {
    // In the other order: it may wait for the emptying, and must not be the one that is cut.
    while (running) await database.query('SELECT count(*) FROM test_members m JOIN test_letters l USING (source)');
  })();
  try {
    for (let times = 0; times < 3; times++) {
      await until('more events', () => known.length > times * 250);
      const { end, failures } = await place.run(await place.begin(scope()), scope());
      expect(end.outcome).toBe('finished');
      expect(failures).toEqual([]);
    }
  } finally {
    running = false;
    await Promise.all([...load, reader]);
  }
  await dispatchAll();
  expect(await wrongRows(expectedMembers(known))).toEqual([]);
  expect(await deadlocks()).toBe(before);
  expect(await marks()).toEqual([]);
});

test('while PostgreSQL is away it tries again, says so, and goes on', async () => {
  const events = some(1_600);
  const ids = await storeEvents(database.url, events);
  const { port } = new URL(database.url);
  const proxy = await startTcpProxy(Number(port));
  closers.push(() => proxy.close());
  const url = new URL(database.url);
  url.port = String(proxy.port);
  const far = open(url.toString());
  let cut = false;
  const { end, said } = await far.run(await far.begin(scope()), scope(), {
    onProgress({ eventsRead }) {
      if (eventsRead === 0 || cut) return;
      cut = true;
      proxy.cut();
      proxy.cutAfter(() => 'sent');
    },
    onWaiting: () => proxy.cutAfter(() => null),
  });
  expect(end.outcome).toBe('finished');
  expect(said).toEqual(['PostgreSQL refused (connection lost)', 'goes on']);
  expect(await wrongRows(expectedMembers(withNames(ids, events)))).toEqual([]);
});

test('a commit whose answer is lost is neither repeated nor passed over', async () => {
  const events = some(1_200);
  const ids = await storeEvents(database.url, events);
  const proxy = await startTcpProxy(Number(new URL(database.url).port));
  closers.push(() => proxy.close());
  const url = new URL(database.url);
  url.port = String(proxy.port);
  const far = open(url.toString());
  let commits = 0;
  proxy.cutAfter((chunk) => (chunk.includes('COMMIT') && ++commits % 2 === 0 ? 'answered' : null));
  const { end, last } = await far.run(await far.begin(scope()), scope());
  expect(end.outcome).toBe('finished');
  expect(last).toMatchObject({ eventsRead: 1_200, eventsTotal: 1_200 });
  expect(await wrongRows(expectedMembers(withNames(ids, events)))).toEqual([]);
});

test('other sessions that use the tables are waited for, and told', async () => {
  const ids = await storeEvents(database.url, some(5));
  const reader = new pg.Client({ connectionString: database.url });
  await reader.connect();
  closers.push(() => reader.end());
  await reader.query('BEGIN; SELECT count(*) FROM test_members');
  const waits: boolean[] = [];
  const { end } = await place.run(await place.begin(scope()), scope(), {
    onWaiting(_, inUse) {
      waits.push(inUse);
      void reader.query('COMMIT');
    },
  });
  expect(end.outcome).toBe('finished');
  expect(waits).toEqual([true]);
  expect(await wrongRows(expectedMembers(withNames(ids, some(5))))).toEqual([]);
});

test('of many events that are none of its business it passes all, a few thousand at a time', async () => {
  const [first = ''] = await storeEvents(database.url, [{ payload: { counters: ['first'] } }]);
  await database.query(
    `INSERT INTO events (id, request_id, source, provider, type, dedupe_key, received_at)
     SELECT overlay($1::text placing lpad(to_hex(n), 12, '0') from 25)::uuid, $1::uuid, 'whatsapp', 'whatsapp', 'x', n::text, now()
       FROM generate_series(1, 9000) AS n`,
    ['ffffffff-0000-7000-8000-000000000000'],
  );
  await database.query(`UPDATE events SET id = 'ffffffff-0000-7000-9000-000000000000' WHERE id = $1`, [first]);
  const seen: number[] = [];
  const { last } = await place.run(await place.begin(scope()), scope(), {
    onProgress: ({ eventsRead }) => void seen.push(eventsRead),
  });
  expect(seen).toEqual([0, 4_000, 8_000, 9_001]);
  expect(last.ended).toBe(true);
  expect(await rows()).toHaveLength(2);
});
