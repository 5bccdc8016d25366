/** The table `destinations`, as operators change it. Dispatch and delivery read it by themselves. */
import type { DestinationFilter } from '../../core/destination.ts';
import type { DestinationHealth, DestinationStore, ShownDestination } from '../../core/destination-store.ts';
import { Refusal, StoreError } from '../../core/errors.ts';
import { pageOf } from '../../core/page.ts';
import type { SecretBox } from '../../core/secret-box.ts';
import type { PrismaClient } from '../../generated/prisma/client.ts';
import type { Transaction } from './audit-log.ts';
import type { MakeChange } from './change.ts';
import { MOVE_UP } from './delivery-outcomes.ts';
import { toColumns, toShown } from './destination-columns.ts';
import { type DestinationRow, openDestination } from './destination-row.ts';
import { withStoreErrors } from './store-error.ts';

/** Deliveries cancelled in one transaction. */
const CANCELLED_AT_A_TIME = 5_000;
const UNIQUE_VIOLATION = '23505';

export interface DestinationStoreOptions {
  readonly prisma: PrismaClient;
  readonly makeChange: MakeChange;
  readonly box: SecretBox;
}

export function createDestinationStore({ prisma, makeChange, box }: DestinationStoreOptions): DestinationStore {
  return {
    list: ({ after, limit }) =>
      withStoreErrors(async () => {
        const rows = await prisma.destination.findMany({
          ...(after === null ? {} : { where: { id: { lt: after } } }),
          orderBy: { id: 'desc' },
          take: limit + 1,
        });
        const health = await healthOf(
          prisma,
          rows.map(({ id }) => id),
        );
        return pageOf(
          rows.map((row) => toShown(row, health.get(row.id) ?? null)),
          limit,
        );
      }),
    find: (id) => withStoreErrors(() => findShown(prisma, id)),
    create: (id, settings, change) =>
      withUniqueName(() =>
        makeChange(change, async (transaction) => {
          const now = new Date();
          const columns = toColumns(id, settings, box);
          await transaction.destination.create({
            data: { ...columns, id, state: 'active', createdAt: now, updatedAt: now },
          });
          await writeSources(transaction, id, settings.filter);
          return { result: await shown(transaction, id), changed: true };
        }),
      ),
    update: (id, decide, change) =>
      withUniqueName(() =>
        makeChange(change, async (transaction) => {
          if (!(await lock(transaction, id))) return { result: null, changed: false };
          const settings = decide(await shown(transaction, id));
          const data = { ...toColumns(id, settings, box), updatedAt: new Date() };
          await transaction.destination.update({ where: { id }, data });
          if (settings.filter !== undefined) await writeSources(transaction, id, settings.filter);
          return { result: await shown(transaction, id), changed: true };
        }),
      ),
    setState: (id, state, pauseReason, change) =>
      makeChange(change, async (transaction) => {
        const data = { state, pauseReason, updatedAt: new Date() };
        const { count } = await transaction.destination.updateMany({ where: { id, state: { not: state } }, data });
        const forgotten = state === 'active' ? await forgetFailures(transaction, id) : 0;
        return { result: await findShown(transaction, id), changed: count + forgotten > 0 };
      }),
    open: (id, change) =>
      makeChange(change, async (transaction) => {
        const [row] = await transaction.$queryRaw<DestinationRow[]>`
          SELECT *, stream_max_length::text AS stream_max_length FROM destinations WHERE id = ${id}::uuid`;
        if (row === undefined) return { result: null, changed: false };
        return { result: openDestination(row, box), changed: true };
      }),
    async remove(id, force, change) {
      for (;;) {
        const result = await makeChange(change, (transaction) => removeStep(transaction, id, force));
        if (result !== 'go on') return result;
      }
    },
  };

  /** Each step is a change of its own: many deliveries in one would be locked for long. */
  async function removeStep(transaction: Transaction, id: string, force: boolean) {
    // From here on dispatch owes nothing to it.
    if (!(await lock(transaction, id))) return { result: 'not_found', changed: false } as const;
    const unfinished = { destinationId: id, state: { in: ['pending', 'sending'] } };
    const some = await transaction.delivery.findFirst({ where: unfinished, select: { id: true } });
    if (some !== null && !force) return { result: 'unfinished', changed: false } as const;
    if (some !== null) {
      const cancelled = await cancelSome(transaction, id);
      return { result: 'go on', changed: true, found: { cancelledDeliveries: cancelled } } as const;
    }
    await transaction.destinationState.deleteMany({ where: { destinationId: id } });
    await transaction.destination.delete({ where: { id } });
    return { result: 'removed', changed: true, found: { removed: true } } as const;
  }
}

/** Its circuit is closed: it is tried as if it had never failed, with what has failed since first of all. @returns 1 if it had */
async function forgetFailures(transaction: Transaction, destinationId: string): Promise<number> {
  const [state] = await transaction.$queryRaw<{ failing_since: Date | null }[]>`
    SELECT failing_since FROM destination_state WHERE destination_id = ${destinationId}::uuid FOR UPDATE`;
  if (state?.failing_since != null)
    await transaction.$executeRawUnsafe(MOVE_UP, [destinationId], [state.failing_since]);
  const data = { failures: 0, failingSince: null, circuitOpen: false, nextProbeAt: null };
  const { count } = await transaction.destinationState.updateMany({
    where: { destinationId, OR: [{ failures: { gt: 0 } }, { circuitOpen: true }] },
    data,
  });
  return count;
}

/** Dispatch takes a lock on a destination that it owes something to: nobody adds a delivery while this one is held. */
async function lock(transaction: Transaction, id: string): Promise<boolean> {
  const rows = await transaction.$queryRaw<unknown[]>`SELECT FROM destinations WHERE id = ${id}::uuid FOR UPDATE`;
  return rows.length === 1;
}

function cancelSome(transaction: Transaction, destinationId: string): Promise<number> {
  return transaction.$executeRaw`
    UPDATE deliveries SET state = 'cancelled', finished_at = now(), lease_owner = NULL, lease_until = NULL
     WHERE id IN (SELECT id FROM deliveries WHERE destination_id = ${destinationId}::uuid
                     AND state IN ('pending', 'sending') ORDER BY id LIMIT ${CANCELLED_AT_A_TIME} FOR UPDATE)`;
}

async function writeSources(transaction: Transaction, id: string, { sources }: DestinationFilter): Promise<void> {
  await transaction.$executeRaw`
    UPDATE destinations SET sources = ${sources === null ? null : [...sources]}::text[] WHERE id = ${id}::uuid`;
}

async function shown(queries: Transaction, id: string): Promise<ShownDestination> {
  const found = await findShown(queries, id);
  if (found === null) throw new StoreError('unavailable', 'a destination vanished while it was changed');
  return found;
}

async function findShown(queries: Transaction, id: string): Promise<ShownDestination | null> {
  const row = await queries.destination.findUnique({ where: { id } });
  if (row === null) return null;
  return toShown(row, (await healthOf(queries, [id])).get(id) ?? null);
}

async function healthOf(queries: Transaction, ids: readonly string[]): Promise<Map<string, DestinationHealth>> {
  const rows = await queries.destinationState.findMany({
    where: { destinationId: { in: [...ids] } },
    omit: { tokens: true, tokensAt: true, claimedAt: true },
  });
  return new Map(rows.map(({ destinationId, ...health }) => [destinationId, health]));
}

async function withUniqueName<T>(change: () => Promise<T>): Promise<T> {
  try {
    return await change();
  } catch (error) {
    if (!(error instanceof StoreError) || error.sqlState !== UNIQUE_VIOLATION) throw error;
    const message = 'another destination has this name';
    throw new Refusal('conflict', message, [{ path: 'name', message }]);
  }
}
