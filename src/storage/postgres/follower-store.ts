/** The table `followers`: who acknowledges what it is sent, and how far that has come. */
import { FOLLOWER_DAYS, type Follower, type FollowerStore, MAX_FOLLOWERS } from '../../core/follower.ts';
import { pageOf } from '../../core/page.ts';
import { Prisma, type PrismaClient } from '../../generated/prisma/client.ts';
import type { MakeChange } from './change.ts';
import { withStoreErrors } from './store-error.ts';

/** Acknowledgements kept above the place up to which nothing is missing; of more than that the last ones come again. */
const MAX_ACKED = 4_096;

const LAST = Prisma.sql`coalesce((SELECT last FROM position_counter), 0)`;

/** By hand, since Prisma's lists know no null. */
const COLUMNS = Prisma.sql`
  id, name, sources, types, condition, format, acked_to::float8 AS "ackedTo", acked::float8[] AS acked,
  created_at AS "createdAt", seen_at AS "seenAt"`;

export const REMOVE_UNSEEN = `DELETE FROM followers WHERE seen_at < now() - interval '${FOLLOWER_DAYS} days'`;

type Row = Omit<Follower, 'filter'> & Follower['filter'];

export interface FollowerStoreOptions {
  readonly prisma: PrismaClient;
  readonly makeChange: MakeChange;
  /** There are new acknowledgements, or a follower has another stream or none. */
  readonly onFollowed: () => void;
}

export function createFollowerStore({ prisma, makeChange, onFollowed }: FollowerStoreOptions): FollowerStore {
  return {
    create: (follower, change) =>
      makeChange(change, async (transaction) => {
        await transaction.$executeRawUnsafe(REMOVE_UNSEEN);
        if ((await transaction.follower.count()) >= MAX_FOLLOWERS) return { result: null, changed: false };
        const { id, name, filter, format, after } = follower;
        const sources = filter.sources === null ? null : [...filter.sources];
        const condition = filter.condition === null ? null : JSON.stringify(filter.condition);
        const [row] = await transaction.$queryRaw<Row[]>`
          INSERT INTO followers (id, name, sources, types, condition, format, acked_to, acked, created_at, seen_at)
          VALUES (${id}::uuid, ${name}, ${sources}::text[], ${[...filter.types]}::text[], ${condition}::jsonb, ${format},
                  ${after}::bigint, '{}', now(), now())
          RETURNING ${COLUMNS}`;
        return { result: row === undefined ? null : toFollower(row), changed: row !== undefined };
      }),
    list: ({ after, limit }) =>
      withStoreErrors(async () => {
        const rows = await prisma.$queryRaw<Row[]>`
          SELECT ${COLUMNS} FROM followers ${after === null ? Prisma.empty : Prisma.sql`WHERE id < ${after}::uuid`}
           ORDER BY id DESC LIMIT ${limit + 1}`;
        return pageOf(rows.map(toFollower), limit);
      }),
    async remove(id, change) {
      const removed = await makeChange(change, async (transaction) => {
        const { count } = await transaction.follower.deleteMany({ where: { id } });
        return { result: count === 1, changed: count === 1 };
      });
      if (removed) onFollowed();
      return removed;
    },
    async connect(id, connection) {
      const [row] = await withStoreErrors(
        // Where positions have been put back beyond it, it would wait for them to come that far again.
        () => prisma.$queryRaw<Row[]>`
          UPDATE followers SET connection = ${connection}::uuid, seen_at = now(), acked_to = LEAST(acked_to, ${LAST})
           WHERE id = ${id}::uuid RETURNING ${COLUMNS}`,
      );
      if (row !== undefined) onFollowed();
      return row === undefined ? null : toFollower(row);
    },
    async acknowledge(id, positions) {
      const count = await withStoreErrors(
        () => prisma.$executeRaw`
          UPDATE followers
             SET acked = ARRAY(SELECT DISTINCT position FROM unnest(acked || ${positions.map(BigInt)}::bigint[]) AS position
                                WHERE position > acked_to AND position <= ${LAST}
                                ORDER BY position LIMIT ${MAX_ACKED})
           WHERE id = ${id}::uuid`,
      );
      if (count > 0) onFollowed();
      return count > 0;
    },
    advance: (id, connection, ackedTo) =>
      withStoreErrors(async () => {
        // An idle stream writes once a minute.
        await prisma.$executeRaw`
          UPDATE followers
             SET acked_to = ${ackedTo}::bigint, seen_at = now(),
                 acked = ARRAY(SELECT position FROM unnest(acked) AS position WHERE position > ${ackedTo}::bigint)
           WHERE id = ${id}::uuid AND connection = ${connection}::uuid
             AND (acked_to < ${ackedTo}::bigint OR (acked_to = ${ackedTo}::bigint AND seen_at < now() - interval '1 minute'))`;
        const [row] = await prisma.$queryRaw<(Row & { readonly connection: string | null })[]>`
          SELECT ${COLUMNS}, connection FROM followers WHERE id = ${id}::uuid`;
        if (row === undefined) return 'removed';
        return row.connection === connection ? toFollower(row) : 'replaced';
      }),
  };
}

function toFollower({ id, name, sources, types, condition, format, ackedTo, acked, createdAt, seenAt }: Row): Follower {
  return { id, name, filter: { sources, types, condition }, format, ackedTo, acked, createdAt, seenAt };
}
