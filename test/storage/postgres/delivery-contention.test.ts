/** Dispatchers, claimers, reporters and operators over the same few destinations at a time: nobody deadlocks, nothing is lost. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { LeasedDelivery } from '../../../src/core/delivery.ts';
import { dispatchBatch } from '../../../src/dispatch/dispatch-batch.ts';
import { createAuditWriter } from '../../../src/storage/postgres/audit-log.ts';
import { createChanges } from '../../../src/storage/postgres/change.ts';
import { createDeliveryAdmin } from '../../../src/storage/postgres/delivery-admin-store.ts';
import { createSharedPrisma } from '../../../src/storage/postgres/prisma.ts';
import { storeEvents, TEST_TABLES } from '../../support/counting-projector.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { addDestination, failureOf, openDeliveries, reportOf } from '../../support/deliveries.ts';
import { openDispatch } from '../../support/dispatch.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
  await database.query(TEST_TABLES);
});
afterAll(() => database.drop());

const EVENTS = 150;

beforeEach(() => database.truncate());

test.each([
  ['one dispatcher', 1],
  ['three dispatchers', 3],
])(
  '%s: everything is delivered, a subject one at a time, and the server has seen no deadlock',
  async (_, dispatchers) => {
    const destinations = [
      await addDestination(database, { concurrency: 40 }),
      await addDestination(database, { concurrency: 40, format: 'original' }),
      await addDestination(database, { concurrency: 40, ordering: 'subject' }),
    ];
    const ordered = destinations[2] ?? '';
    const places = Array.from({ length: dispatchers }, () => openDispatch(database.url));
    const stores = [openDeliveries(database.url), openDeliveries(database.url), openDeliveries(database.url)];
    const connection = {
      databaseUrl: database.url,
      applicationName: 'test',
      connectTimeoutMs: 5_000,
      queryTimeoutMs: 10_000,
    };
    const shared = createSharedPrisma(connection, 2);
    const makeChange = createChanges(shared.prisma, createAuditWriter(30));
    const admin = createDeliveryAdmin({ prisma: shared.prisma, makeChange, onDue: () => undefined });
    const change = { actor: 'test', ip: '::1', action: 'test', target: null, details: null };
    const unfinished = `SELECT id FROM deliveries WHERE state IN ('pending', 'sending') ORDER BY random() LIMIT 5`;
    const arrived: LeasedDelivery[] = [];
    /** Subjects that are under way at the destination that has them ordered. */
    const underWay = new Set<string>();
    const subjectOf = ({ destination, event }: LeasedDelivery) =>
      destination.id === ordered ? (event?.subject ?? null) : null;

    await storeEvents(
      database.url,
      Array.from({ length: EVENTS }, () => ({ payload: { counters: ['shared'] } })),
    );
    await database.query(`UPDATE events SET subject = 's' || (hashtext(id::text) & 15)`);
    // Small batches, so that deliveries of one request and of one subject are made beside others that are under way.
    await database.query(
      `UPDATE events SET request_id = (SELECT request_id FROM events ORDER BY id LIMIT 1) WHERE subject = 's0'`,
    );
    const requests = (await database.query('SELECT count(DISTINCT request_id)::int AS n FROM events'))[0]?.n;

    let routed = false;
    const dispatch = async ({ options }: (typeof places)[number]) => {
      const claim = { events: 20, bytes: 2 ** 30, liveSince: new Date(0), except: [] };
      while (!routed) {
        await dispatchBatch(claim, options);
        routed = (await database.query('SELECT FROM event_dispatch LIMIT 1')).length === 0;
      }
    };
    const isDone = async () => routed && (await database.query(unfinished)).length === 0;
    const deliver = async ({ store: deliveries }: (typeof stores)[number]) => {
      const owner = randomUUID();
      while (!(await isDone())) {
        const leased = [...(await deliveries.claim({ owner, limit: 15, leaseMs: 30_000, ahead: new Map() }))];
        for (const subject of leased.map(subjectOf)) {
          if (subject === null) continue;
          expect(underWay).not.toContain(subject);
          underWay.add(subject);
        }
        const ended = leased.map(subjectOf);
        const back = leased.splice(0, leased.length > 1 ? 1 : 0);
        const reports = leased.map((delivery) => {
          const luck = Math.random();
          if (luck < 0.8) {
            arrived.push(delivery);
            return reportOf(delivery, { owner });
          }
          // Due again at once: nobody waits here.
          const next = { state: 'pending', inMs: -1_000 } as const;
          return failureOf(delivery, { owner, next, destinationHealthy: luck < 0.9 ? null : false });
        });
        // From here on others may have them.
        for (const subject of ended) if (subject !== null) underWay.delete(subject);
        await Promise.all([deliveries.report(reports), deliveries.release(owner, back), deliveries.nextDueInMs()]);
      }
    };
    const operate = async () => {
      while (!(await isDone())) {
        for (const { id } of await database.query(unfinished)) await admin.retry(id, change);
        await database.query(`UPDATE destination_state SET next_probe_at = now() - interval '1 s' WHERE circuit_open`);
        await database.query(`UPDATE destinations SET updated_at = now() WHERE id = $1`, [destinations[0]]);
      }
    };
    await Promise.all([...places.map(dispatch), ...stores.map(deliver), operate()]);
    await Promise.all([...places, ...stores, shared].map((place) => place.close()));

    const counts = await database.query(
      `SELECT destination_id, count(*)::int AS n FROM deliveries WHERE state = 'delivered' GROUP BY 1`,
    );
    expect(new Map(counts.map(({ destination_id, n }) => [destination_id, n]))).toEqual(
      new Map(destinations.map((id, index) => [id, index === 1 ? requests : EVENTS])),
    );
    const [{ deadlocks }] = (await database.query(
      'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()',
    )) as [{ deadlocks: number }];
    expect(deadlocks).toBe(0);
    if (dispatchers > 1) return;
    // Only one makes ids in the order in which deliveries become visible.
    const last = new Map<string, string>();
    for (const delivery of arrived) {
      const subject = subjectOf(delivery);
      if (subject === null) continue;
      expect(delivery.id > (last.get(subject) ?? '')).toBe(true);
      last.set(subject, delivery.id);
    }
  },
);
