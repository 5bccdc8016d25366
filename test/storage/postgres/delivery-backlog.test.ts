/** Claims beside a backlog: how much of it they read is told by the server, not by a clock. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { LEASE, TURNS } from '../../../src/storage/postgres/delivery-claim.ts';
import { NEXT_DUE } from '../../../src/storage/postgres/delivery-due.ts';
import { createDeliveryPool } from '../../../src/storage/postgres/delivery-pool.ts';
import type { TransactionPool } from '../../../src/storage/postgres/transaction-pool.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import {
  addBacklog,
  addDeliveries,
  addDestination,
  OWNER,
  openDeliveries,
  reportOf,
} from '../../support/deliveries.ts';

const BACKLOG = 100_000;

let database: TestDatabase;
let here: ReturnType<typeof openDeliveries>;
let pool: TransactionPool;
let down: string;
let live: string;
beforeAll(async () => {
  database = await createDatabase();
  down = await addDestination(database);
  live = await addDestination(database);
  await addBacklog(database, down, BACKLOG);
  pool = createDeliveryPool(database.url);
});
afterAll(async () => {
  await pool.close();
  await database.drop();
});
beforeEach(() => {
  here = openDeliveries(database.url);
});
afterEach(() => here.close());

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly Plans?: readonly PlanNode[];
}

/** What the statement reads over a connection of delivery's own, and how; nothing of it stays. */
async function explain(sql: string, parameters: readonly unknown[] = []) {
  const { rows } = await pool.transaction(async (client) => {
    const explained = await client.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${sql}`, [...parameters]);
    await client.query('ROLLBACK');
    return explained;
  });
  const plan: PlanNode = rows[0]['QUERY PLAN'][0].Plan;
  const nodes = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodes)];
  const scans = nodes(plan).filter(
    (node) => node['Relation Name'] === 'deliveries' && node['Node Type'].includes('Scan'),
  );
  return {
    blocks: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'],
    scans: scans.map((node) => node['Node Type']),
  };
}

const openCircuit = (open: boolean) =>
  database.query(
    `UPDATE destination_state SET circuit_open = $2, next_probe_at = CASE WHEN $2 THEN now() + interval '1 hour' END
      WHERE destination_id = $1`,
    [down, open],
  );

test.each([
  ['fresh, never analyzed', async () => undefined],
  ['analyzed', () => database.query('ANALYZE')],
])('tables %s: every look at deliveries is by index, and reads a few blocks', async (_, prepare) => {
  await prepare();
  await addDeliveries(database, live, [{}, {}]);
  for (const open of [false, true]) {
    await openCircuit(open);
    const turns = [down, live];
    const looks = [
      await explain(TURNS, [20, OWNER, '{}']),
      await explain(LEASE, [turns, 100, OWNER, 30_000, '{}']),
      await explain(NEXT_DUE),
    ];
    for (const { scans, blocks } of looks) {
      expect(scans).not.toContain('Seq Scan');
      expect(scans.length).toBeGreaterThan(0);
      expect(blocks).toBeLessThan(600);
    }
  }
});

test('the backlog of a destination that is down holds up nobody', async () => {
  await openCircuit(true);
  await addDeliveries(database, live, [{}, {}, {}]);
  const leased = await here.claim(3);
  expect(leased.every(({ destination }) => destination.id === live)).toBe(true);
  await here.store.report(leased.map((delivery) => reportOf(delivery)));
});

test('while it is worked off, others get their share', async () => {
  await openCircuit(false);
  await database.query('UPDATE destinations SET concurrency = 1000');
  for (let round = 0; round < 5; round++) {
    await addDeliveries(database, live, [{}, {}]);
    const leased = await here.claim(20);
    expect(leased).toHaveLength(20);
    expect(leased.filter(({ destination }) => destination.id === live).length).toBeGreaterThanOrEqual(2);
    await here.store.report(leased.map((delivery) => reportOf(delivery)));
  }
});

test('a long queue behind one subject is looked past once, and then left alone until it moves', async () => {
  const ordered = await addDestination(database, { ordering: 'subject', concurrency: 1_000 });
  await database.query('DELETE FROM deliveries');
  await addBacklog(database, ordered, 2_000, `'hot'`);
  const [head] = await here.claim(1);
  const others = await addDeliveries(database, ordered, [{ subject: 'cold', dueIn: -1 }]);
  // Each claim sets back some hundreds of those behind the one that is under way.
  let cold = await here.claim();
  for (let claims = 1; cold.length === 0 && claims < 6; claims++) cold = await here.claim();
  expect(cold.map(({ id }) => id)).toEqual(others);
  const due = `SELECT count(*)::int AS n FROM deliveries WHERE state = 'pending' AND next_attempt_at <= now()`;
  expect(await database.query(due)).toEqual([{ n: 0 }]);
  if (head !== undefined) await here.store.report([reportOf(head)]);
  expect(await database.query(due)).toEqual([{ n: 1 }]);
  expect(await here.claim()).toHaveLength(1);
});
