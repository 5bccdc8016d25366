/** Deliveries as operators see and change them. Rows are locked in the order that delivery-store.ts tells. */
import type { DeliveryAdmin, DeliveryChange, RecordedAttempt } from '../../core/delivery-admin.ts';
import { Prisma, type PrismaClient } from '../../generated/prisma/client.ts';
import type { Transaction } from './audit-log.ts';
import type { MakeChange } from './change.ts';
import { listDeliveries, readDelivery } from './delivery-list.ts';
import { withStoreErrors } from './store-error.ts';

/** Deliveries that one call of `redrive` takes at most. */
const MAX_REDRIVEN = 1_000;

export interface DeliveryAdminOptions {
  readonly prisma: PrismaClient;
  readonly makeChange: MakeChange;
  /** Something is due that was not. */
  readonly onDue: () => void;
}

export function createDeliveryAdmin({ prisma, makeChange, onDue }: DeliveryAdminOptions): DeliveryAdmin {
  const wakeAfter = async <T>(change: Promise<T>, madeDue: (result: T) => boolean): Promise<T> => {
    const result = await change;
    if (madeDue(result)) onDue();
    return result;
  };
  return {
    list: (filter, page) => withStoreErrors(() => listDeliveries(prisma, filter, page)),
    find: (id) =>
      withStoreErrors(async () => {
        const delivery = await readDelivery(prisma, id);
        if (delivery === null) return null;
        const history = await prisma.deliveryAttempt.findMany({
          where: { deliveryId: id },
          orderBy: [{ startedAt: 'asc' }, { id: 'asc' }],
          omit: { deliveryId: true },
        });
        return { ...delivery, history: history.map(toRecorded) };
      }),
    retry: (id, change) =>
      wakeAfter(
        makeChange(change, async (transaction) => {
          const there = await lockDestination(
            transaction,
            Prisma.sql`SELECT destination_id FROM deliveries WHERE id = ${id}::uuid`,
          );
          if (!there) return changed(transaction, id, 0);
          const count = await transaction.$executeRaw`
            UPDATE deliveries
               SET next_attempt_at = now(), attempts = CASE WHEN state = 'pending' THEN attempts ELSE 0 END,
                   state = 'pending', finished_at = NULL
             WHERE id = ${id}::uuid AND state IN ('pending', 'dead', 'cancelled')`;
          return changed(transaction, id, count);
        }),
        (result) => result === 'done',
      ),
    cancel: (id, change) =>
      wakeAfter(
        makeChange(change, async (transaction) => {
          await lockState(transaction, id);
          const count = await transaction.$executeRaw`
            UPDATE deliveries SET state = 'cancelled', finished_at = now(), lease_owner = NULL, lease_until = NULL
             WHERE id = ${id}::uuid AND state IN ('pending', 'sending')`;
          if (count === 1) await wakeSuccessor(transaction, id);
          return changed(transaction, id, count);
        }),
        (result) => result === 'done',
      ),
    redrive: (destinationId, limit, change, { from = null, to = null } = {}) =>
      wakeAfter(
        makeChange(change, async (transaction) => {
          const there = await lockDestination(transaction, Prisma.sql`${destinationId}::uuid`);
          if (!there) return { result: 0, changed: false };
          const redriven = await transaction.$executeRaw`
            UPDATE deliveries SET state = 'pending', attempts = 0, next_attempt_at = now(), finished_at = NULL
             WHERE id IN (SELECT id FROM deliveries WHERE destination_id = ${destinationId}::uuid AND state = 'dead'
                             AND (${from}::timestamptz IS NULL OR received_at >= ${from}::timestamptz)
                             AND (${to}::timestamptz IS NULL OR received_at < ${to}::timestamptz)
                           ORDER BY id LIMIT ${Math.min(limit, MAX_REDRIVEN)} FOR UPDATE SKIP LOCKED)`;
          return { result: redriven, changed: redriven > 0, found: { redriven } };
        }),
        (redriven) => redriven > 0,
      ),
  };
}

async function changed(transaction: Transaction, id: string, count: number) {
  if (count === 1) return { result: 'done' as DeliveryChange, changed: true };
  const there = await transaction.delivery.findUnique({ where: { id }, select: { id: true } });
  return { result: (there === null ? 'not_found' : 'conflict') as DeliveryChange, changed: false };
}

/** Nobody removes it while something is owed to it anew. @returns false if it has been removed */
async function lockDestination(transaction: Transaction, id: Prisma.Sql): Promise<boolean> {
  const rows = await transaction.$queryRaw<unknown[]>`SELECT FROM destinations WHERE id = (${id}) FOR KEY SHARE`;
  return rows.length === 1;
}

/** So that no claim sets back what is woken here. */
async function lockState(transaction: Transaction, id: string): Promise<void> {
  await transaction.$queryRaw`
    SELECT FROM destination_state WHERE destination_id = (SELECT destination_id FROM deliveries WHERE id = ${id}::uuid) FOR UPDATE`;
}

/** Whatever waits behind it in its subject. */
async function wakeSuccessor(transaction: Transaction, id: string): Promise<void> {
  await transaction.$executeRaw`
    UPDATE deliveries SET next_attempt_at = now()
     WHERE id = (SELECT n.id FROM deliveries c JOIN deliveries n ON n.destination_id = c.destination_id AND n.subject = c.subject
                  WHERE c.id = ${id}::uuid AND c.replay_id IS NULL AND n.state IN ('pending', 'sending') AND n.replay_id IS NULL
                  ORDER BY n.id LIMIT 1)
       AND state = 'pending' AND attempts = 0 AND next_attempt_at > now()`;
}

type AttemptRow = Omit<
  Awaited<ReturnType<PrismaClient['deliveryAttempt']['findMany']>>[number],
  'deliveryId' | 'responseBody'
> & { readonly responseBody: Uint8Array | null };

function toRecorded({ responseHeaders, responseBody, failure, ...attempt }: AttemptRow): RecordedAttempt {
  return {
    ...attempt,
    responseHeaders: responseHeaders as RecordedAttempt['responseHeaders'],
    responseBody: responseBody === null ? null : Buffer.from(responseBody),
    failure: failure as RecordedAttempt['failure'],
  };
}
