/** Events by an id: which ones are found, and that no more than a few blocks are read for it, as the server counts. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProviderName } from '../../../src/core/event.ts';
import type { IdSearch } from '../../../src/core/event-reader.ts';
import { keysOfId } from '../../../src/core/identity.ts';
import { rowId } from '../../../src/core/row-id.ts';
import type { Prisma } from '../../../src/generated/prisma/client.ts';
import { origins } from '../../../src/providers/index.ts';
import { eventsById, findEventsById, SOURCES, sourcesOf } from '../../../src/storage/postgres/events-by-id.ts';
import { createPrismaDatabase, type PrismaDatabase } from '../../support/prisma-database.ts';

const MESSAGES = 40_000;
const PHONE = '106540352242922';

let database: PrismaDatabase;
beforeAll(async () => {
  database = await createPrismaDatabase(2);
  // By the planner's own means at first: as right after a first hour of traffic.
  await database.query('ALTER TABLE events SET (autovacuum_enabled = false)');
  await insert('whatsapp', 'whatsapp', `'message:wamid.' || n || ':${PHONE}'`, MESSAGES);
  await insert('whatsapp', 'whatsapp', `'status:wamid.' || n || ':${PHONE}:sent:-:17'`, MESSAGES);
  await insert('stripe', 'stripe', `'evt_' || n`, MESSAGES);
});
afterAll(() => database.drop());

/** @param key SQL over `n` */
async function insert(source: string, provider: ProviderName, key: string, count = 1): Promise<void> {
  await database.query(
    `INSERT INTO events (id, request_id, source, provider, type, dedupe_key, subject, received_at, payload)
     SELECT overlay(gen_random_uuid()::text PLACING left($1, 18) FROM 1 FOR 18)::uuid, gen_random_uuid(), $2, $3, 'x',
            ${key}, null, now(), '{}' FROM generate_series(1, $4::int) AS n`,
    [rowId(), source, provider, count],
  );
}

function search(id: string, source?: string): IdSearch {
  return { id, keysOf: (provider) => keysOfId(id, origins[provider].idPrefixes), source };
}

async function keys(id: string, source?: string): Promise<string[]> {
  const { rows, next } = await findEventsById(database.prisma, search(id, source), { after: null, limit: 100 });
  expect(next).toBeNull();
  return rows.map(({ dedupeKey }) => dedupeKey).sort();
}

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly Plans?: readonly PlanNode[];
}

async function explain({ text, values }: Prisma.Sql) {
  const [row] = await database.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`, values);
  const plan: PlanNode = row['QUERY PLAN'][0].Plan;
  const nodes = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodes)];
  const all = nodes(plan);
  return {
    blocks: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'],
    scans: new Set(all.filter((node) => node['Relation Name'] === 'events').map((node) => node['Node Type'])),
    indexes: new Set(all.map((node) => node['Index Name']).filter((name) => name !== undefined)),
  };
}

const INDEX = 'events_source_dedupe_key_key';

describe.each([
  ['never analyzed', async () => undefined],
  ['analyzed', () => database.query('ANALYZE events')],
])('a table %s', (_, prepare) => {
  beforeAll(async () => {
    await prepare();
  });

  test.each(['wamid.777', 'wamid.none', 'evt_1', 'message', 'body', ''])('is asked by index for %j', async (id) => {
    const sources = await sourcesOf(database.prisma);
    const after = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
    for (const page of [
      { after: null, limit: 1 },
      { after, limit: 100 },
    ]) {
      const statement = eventsById(search(id), page, sources);
      if (statement === null) throw new Error('there are sources');
      const { blocks, scans, indexes } = await explain(statement);
      expect(scans).not.toContain('Seq Scan');
      expect(indexes).toEqual(new Set([INDEX]));
      // Some four for each range.
      expect(blocks).toBeLessThan(150);
    }
  });

  test('tells its sources by index', async () => {
    const { blocks, scans } = await explain(SOURCES);
    expect(scans).not.toContain('Seq Scan');
    expect(blocks).toBeLessThan(50);
    expect(await sourcesOf(database.prisma)).toEqual([
      { source: 'stripe', provider: 'stripe' },
      { source: 'whatsapp', provider: 'whatsapp' },
    ]);
  });

  test('gives an event by its own id too', async () => {
    const [{ id }] = await database.query(`SELECT id FROM events WHERE dedupe_key = 'evt_5'`);
    expect(await keys(id)).toEqual(['evt_5']);
    expect(await keys(id.toUpperCase(), 'stripe')).toEqual(['evt_5']);
    expect(await keys(id, 'whatsapp')).toEqual([]);
    const statement = eventsById(search(id), { after: null, limit: 1 }, await sourcesOf(database.prisma));
    const { scans, blocks } = await explain(statement as Prisma.Sql);
    expect(scans).not.toContain('Seq Scan');
    expect(blocks).toBeLessThan(150);
  });
});

describe('beside its neighbours', () => {
  beforeAll(async () => {
    for (const key of ['evt_x', 'evt_x:acct_1', 'evt_x0', 'evt_x-', 'evt_x;', 'evt_x;:a', 'evt_', 'EVT_X', 'evt%x']) {
      await insert('stripe', 'stripe', `'${key}'`);
    }
    for (const kind of ['message', 'status', 'history_message', 'message_echo', 'call', 'call_status', 'other']) {
      await insert('whatsapp', 'whatsapp', `'${kind}:wamid.x:${PHONE}:' || n`, 2);
      await insert('whatsapp', 'whatsapp', `'${kind}:wamid.x0:${PHONE}'`);
    }
    await insert('another', 'stripe', `'evt_x'`);
  });

  test('an id finds what is its own, in every source or in one', async () => {
    expect(await keys('evt_x')).toEqual(['evt_x', 'evt_x', 'evt_x:acct_1']);
    expect(await keys('evt_x', 'stripe')).toEqual(['evt_x', 'evt_x:acct_1']);
    expect(await keys('evt_x', 'another')).toEqual(['evt_x']);
    expect(await keys('evt_x', 'whatsapp')).toEqual([]);
    expect(await keys('evt_x', 'none')).toEqual([]);
    expect(await keys('evt%x')).toEqual(['evt%x']);
    expect(await keys('evt_')).toEqual(['evt_']);
  });

  test('it is looked for behind every kind that has ids, and a kind is no id', async () => {
    const kinds = ['call', 'call_status', 'history_message', 'message', 'message_echo', 'status'];
    const expected = kinds.flatMap((kind) => [1, 2].map((n) => `${kind}:wamid.x:${PHONE}:${n}`));
    expect(await keys('wamid.x')).toEqual(expected.sort());
    expect(await keys('message')).toEqual([]);
    expect(await keys('message:wamid.x')).toEqual([]);
  });

  test('more than a page are read page by page, newest first', async () => {
    const ids: string[] = [];
    let after: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof findEventsById>> = await findEventsById(
        database.prisma,
        search('wamid.x'),
        {
          after,
          limit: 5,
        },
      );
      expect(page.rows.length).toBeLessThanOrEqual(5);
      ids.push(...page.rows.map(({ id }) => id));
      after = page.next;
    } while (after !== null);
    expect(ids).toHaveLength(12);
    expect(ids).toEqual([...new Set(ids)].sort().reverse());
  });
});
