/** Lists of events without an index for their filters: bounded steps, nothing left out, nothing twice. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { EventFilter } from '../../../src/core/event-reader.ts';
import { firstIdAt, rowId } from '../../../src/core/row-id.ts';
import { walkEvents } from '../../../src/storage/postgres/event-walk.ts';
import { createSharedPrisma, type SharedPrisma } from '../../../src/storage/postgres/prisma.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';

let database: TestDatabase;
let shared: SharedPrisma;
beforeAll(async () => {
  database = await createDatabase();
  const connection = {
    databaseUrl: database.url,
    applicationName: 'test',
    connectTimeoutMs: 5_000,
    queryTimeoutMs: 5_000,
  };
  shared = createSharedPrisma(connection, 2);
});
afterAll(async () => {
  await shared.close();
  await database.drop();
});
beforeEach(() => database.truncate());

const NOON = new Date('2026-05-01T12:00:00Z');

/** One a second from noon on; the id of each is made in the millisecond of its arrival. */
async function insert(count: number, type: string, first = 0, payload = '{}'): Promise<void> {
  await database.query(
    `INSERT INTO events (id, request_id, source, provider, type, dedupe_key, subject, received_at, payload)
     SELECT overlay(overlay($1 PLACING lpad(to_hex(ms >> 16), 8, '0') FROM 1 FOR 8)
                    PLACING lpad(to_hex(ms & 65535), 4, '0') FROM 10 FOR 4)::uuid,
            gen_random_uuid(), 'stripe', 'stripe', $2, $2 || ':' || n, 'subject_' || (n % 10), to_timestamp(ms / 1000.0), $6::jsonb
       FROM (SELECT n, $4::bigint + n * 1000 AS ms FROM generate_series($5::int, $5::int + $3::int - 1) AS n) AS row`,
    [rowId(), type, count, NOON.getTime(), first, payload],
  );
}

/** Every page, one after the other. @param deadlineMs 0: one step for each */
async function walk(filter: EventFilter, limit: number, deadlineMs?: number) {
  const keys: string[] = [];
  let after: string | null = null;
  let pages = 0;
  let truncated = 0;
  do {
    const page = await walkEvents(shared.prisma, filter, { after, limit }, deadlineMs);
    expect(page.events.length).toBeLessThanOrEqual(limit);
    keys.push(...page.events.map(({ dedupeKey }) => dedupeKey));
    after = page.next;
    pages++;
    if (page.truncated) truncated++;
  } while (after !== null);
  return { keys, pages, truncated };
}

const keysOf = (type: string, numbers: readonly number[]) => numbers.map((n) => `${type}:${n}`);
const downFrom = (count: number) => Array.from({ length: count }, (_, index) => count - 1 - index);

test('without a filter every event comes once, newest first', async () => {
  await insert(25, 'a');
  expect(await walk({}, 10)).toEqual({ keys: keysOf('a', downFrom(25)), pages: 3, truncated: 0 });
});

test('a page that is exactly full is the last', async () => {
  await insert(20, 'a');
  expect((await walk({}, 10)).pages).toBe(2);
  expect((await walk({}, 20)).pages).toBe(1);
});

test('no events: one empty page', async () => {
  expect(await walk({}, 10)).toEqual({ keys: [], pages: 1, truncated: 0 });
});

describe('among many that do not match', () => {
  beforeEach(async () => {
    await insert(3, 'rare', 0);
    await insert(12_000, 'frequent', 10);
    await insert(2, 'rare', 20_000);
  });

  test('the few are found', async () => {
    expect(await walk({ type: 'rare' }, 10)).toEqual({
      keys: keysOf('rare', [20_001, 20_000, 2, 1, 0]),
      pages: 1,
      truncated: 0,
    });
  });

  test('and when the time is up the page says so, and the cursor goes on where it stopped', async () => {
    const { prisma } = shared;
    const first = await walkEvents(prisma, { type: 'rare' }, { after: null, limit: 10 }, 0);
    expect([first.events.length, first.truncated]).toEqual([2, true]);
    // The first step looks at a thousand rows, and the cursor stands on the last of them.
    const [{ count }] = await database.query('SELECT count(*)::int FROM events WHERE id >= $1', [first.next]);
    expect(count).toBe(1_000);
    const all = await walk({ type: 'rare' }, 10, 0);
    expect(all.keys).toEqual(keysOf('rare', [20_001, 20_000, 2, 1, 0]));
    expect(all.truncated).toBeGreaterThan(5);
  });

  test('none is left out or comes twice where others arrive meanwhile', async () => {
    const keys: string[] = [];
    let after: string | null = null;
    let arrived = 30_000;
    do {
      const page = await walkEvents(shared.prisma, { type: 'rare' }, { after, limit: 1 }, 0);
      keys.push(...page.events.map(({ dedupeKey }) => dedupeKey));
      after = page.next;
      await insert(1, 'rare', arrived++);
    } while (after !== null);
    expect(keys).toEqual(keysOf('rare', [20_001, 20_000, 2, 1, 0]));
  });
});

describe('filters', () => {
  test('a type with * stands for whatever begins so, and is no pattern otherwise', async () => {
    await insert(1, 'invoice.paid', 0);
    await insert(1, 'invoice.voided', 1);
    await insert(1, 'invoice_paid', 2);
    await insert(1, 'invoices', 3);
    const types = async (type: string) => (await walk({ type }, 10)).keys.map((key) => key.split(':')[0]);
    expect(await types('invoice.*')).toEqual(['invoice.voided', 'invoice.paid']);
    expect(await types('invoice*')).toEqual(['invoices', 'invoice_paid', 'invoice.voided', 'invoice.paid']);
    expect(await types('invoice_paid')).toEqual(['invoice_paid']);
    expect(await types('*')).toHaveLength(4);
    expect(await types('invoice')).toEqual([]);
  });

  test('source and subject', async () => {
    await insert(20, 'a');
    expect((await walk({ subject: 'subject_3' }, 10)).keys).toEqual(keysOf('a', [13, 3]));
    expect((await walk({ source: 'whatsapp' }, 10)).keys).toEqual([]);
  });

  test('times, to the millisecond', async () => {
    await insert(20, 'a');
    const second = (n: number, ms = 0) => new Date(NOON.getTime() + n * 1_000 + ms);
    expect((await walk({ from: second(5), to: second(8) }, 10)).keys).toEqual(keysOf('a', [7, 6, 5]));
    expect((await walk({ from: second(5, 1), to: second(8, 1) }, 10)).keys).toEqual(keysOf('a', [8, 7, 6]));
    expect((await walk({ from: second(17) }, 2)).keys).toEqual(keysOf('a', [19, 18, 17]));
    expect((await walk({ to: second(2) }, 10)).keys).toEqual(keysOf('a', [1, 0]));
  });

  test('an event whose id was made minutes after its arrival is found by its arrival', async () => {
    await insert(1, 'a');
    const late = firstIdAt(new Date(NOON.getTime() + 299_000)).replace('0000-0000-0000', '7000-8000-0000');
    await database.query('UPDATE events SET id = $1', [late]);
    const range = { from: NOON, to: new Date(NOON.getTime() + 1) };
    expect((await walk(range, 10)).keys).toEqual(keysOf('a', [0]));
  });

  test('a text within the payload, whatever its characters mean elsewhere', async () => {
    await insert(1, 'a', 0, '{"email":"Jane_100%@example.com","path":"C:\\\\x"}');
    await insert(1, 'b', 1, '{"email":"janeX1000@example.com"}');
    const found = async (text: string) => (await walk({ text }, 10)).keys;
    expect(await found('jane_100%@EXAMPLE')).toEqual(['a:0']);
    expect(await found('jane')).toEqual(['b:1', 'a:0']);
    expect(await found('C:\\\\x')).toEqual(['a:0']);
    expect(await found('nobody')).toEqual([]);
  });
});
