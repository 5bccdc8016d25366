/** Replays as operators see and change them. */
import type { Change } from '../../core/audit.ts';
import { pageOf } from '../../core/page.ts';
import type { ReplayAdmin, ReplayChange, ReplayedDeliveries, ReplayOrder, ReplayScope } from '../../core/replay.ts';
import { Prisma, type PrismaClient } from '../../generated/prisma/client.ts';
import type { Transaction } from './audit-log.ts';
import type { MakeChange } from './change.ts';
import { REPLAY_COLUMNS, type ReplayRow, toSummary } from './replay-row.ts';
import { withStoreErrors } from './store-error.ts';

const COLUMNS = Prisma.raw(REPLAY_COLUMNS);

export interface ReplayAdminOptions {
  readonly prisma: PrismaClient;
  readonly makeChange: MakeChange;
}

export function createReplayAdmin({ prisma, makeChange }: ReplayAdminOptions): ReplayAdmin {
  return {
    create: (order, change) =>
      makeChange(change, async (transaction) => {
        const { destinationIds } = order;
        if (destinationIds !== null && !(await areThere(transaction, destinationIds))) {
          return { result: null, changed: false };
        }
        const row = await insert(transaction, order, change);
        return { result: toSummary(row), changed: true };
      }),
    list: ({ after, limit }) =>
      withStoreErrors(async () => {
        const older = after === null ? Prisma.empty : Prisma.sql`WHERE id < ${after}::uuid`;
        const rows = await prisma.$queryRaw<ReplayRow[]>`
          SELECT ${COLUMNS} FROM replays ${older} ORDER BY id DESC LIMIT ${limit + 1}`;
        return pageOf(rows.map(toSummary), limit);
      }),
    find: (id) =>
      withStoreErrors(async () => {
        const [row] = await prisma.$queryRaw<ReplayRow[]>`SELECT ${COLUMNS} FROM replays WHERE id = ${id}::uuid`;
        return row === undefined ? null : { ...toSummary(row), deliveries: await deliveriesOf(prisma, id) };
      }),
    cancel: (id, change) => makeChange(change, (transaction) => cancel(transaction, id)),
  };
}

async function areThere(transaction: Transaction, destinationIds: readonly string[]): Promise<boolean> {
  const wanted = distinct(destinationIds);
  return (await transaction.destination.count({ where: { id: { in: wanted } } })) === wanted.length;
}

async function insert(transaction: Transaction, order: ReplayOrder, { actor }: Change): Promise<ReplayRow> {
  const { id, scope, destinationIds, ignoreFilter, ratePerSecond } = order;
  const { eventIds, filter, from, to } = columnsOf(scope);
  const condition = filter.condition === null ? null : JSON.stringify(filter.condition);
  const [row] = await transaction.$queryRaw<[ReplayRow]>`
    INSERT INTO replays (id, state, created_by, destination_ids, event_ids, sources, types, condition, received_from,
                         received_to, ignore_filter, rate_per_second, next_step_at, created_at)
    VALUES (${id}::uuid, 'running', ${actor}, ${destinationIds && distinct(destinationIds)}::uuid[], ${copyOf(eventIds)}::uuid[],
            ${copyOf(filter.sources)}::text[], ${[...filter.types]}::text[], ${condition}::jsonb, ${from}, ${to},
            ${ignoreFilter}, ${ratePerSecond}, date_trunc('milliseconds', now()), now())
    RETURNING ${COLUMNS}`;
  return row;
}

function columnsOf(scope: ReplayScope) {
  if (scope.kind === 'filter') return { ...scope, eventIds: null };
  const everything = { sources: null, types: ['*'], condition: null };
  return { eventIds: distinct(scope.eventIds), filter: everything, from: null, to: null };
}

/** In the order that PostgreSQL has them in. */
function distinct(ids: readonly string[]): string[] {
  return [...new Set(ids.map((id) => id.toLowerCase()))].sort();
}

/** Prisma takes no lists that it might change. */
function copyOf(list: readonly string[] | null): string[] | null {
  return list === null ? null : [...list];
}

/** Those under way count as pending. */
async function deliveriesOf(prisma: PrismaClient, replayId: string): Promise<ReplayedDeliveries> {
  const rows = await prisma.$queryRaw<{ state: string; count: number }[]>`
    SELECT state, count(*)::float8 AS count FROM deliveries WHERE replay_id = ${replayId}::uuid GROUP BY state`;
  const count = (state: string) => rows.find((row) => row.state === state)?.count ?? 0;
  return {
    pending: count('pending') + count('sending'),
    delivered: count('delivered'),
    dead: count('dead'),
    cancelled: count('cancelled'),
  };
}

/** A step that is under way is waited for: it owes what it has begun with, and the next one cancels. */
async function cancel(transaction: Transaction, id: string) {
  const [row] = await transaction.$queryRaw<{ state: string }[]>`
    SELECT state FROM replays WHERE id = ${id}::uuid FOR UPDATE`;
  const answer = (result: ReplayChange, changed: boolean) => ({ result, changed });
  if (row === undefined) return answer('not_found', false);
  if (row.state === 'cancelling') return answer('done', false);
  if (row.state !== 'running') {
    const some = await transaction.delivery.findFirst({
      where: { replayId: id, state: { in: ['pending', 'sending'] } },
      select: { id: true },
    });
    if (some === null) return answer('conflict', false);
  }
  await transaction.$executeRaw`
    UPDATE replays SET state = 'cancelling', finished_at = NULL, next_step_at = date_trunc('milliseconds', now())
     WHERE id = ${id}::uuid`;
  return answer('done', true);
}
