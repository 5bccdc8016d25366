/** The audit log: written within the transaction of each change, pruned at the same time, read by pages. */
import type { AuditEntry, AuditStore, Change } from '../../core/audit.ts';
import type { JsonObject } from '../../core/json.ts';
import { pageOf } from '../../core/page.ts';
import { ascendingRowId, firstIdAt } from '../../core/row-id.ts';
import { Prisma, type PrismaClient } from '../../generated/prisma/client.ts';
import { withStoreErrors } from './store-error.ts';

const DAY_MS = 86_400_000;
/** Old entries that go with each new one: more than one, so that a shorter retention catches up. */
const PRUNED_AT_A_TIME = 100;

export type Transaction = Prisma.TransactionClient;

/** Writes one entry. @param found what only the transaction could tell, added to the details */
export type WriteAudit = (transaction: Transaction, change: Change, found?: JsonObject) => Promise<void>;

export function createAuditWriter(retentionDays: number): WriteAudit {
  return async (transaction, change, found) => {
    const at = new Date();
    const details = change.details === null && found === undefined ? null : { ...change.details, ...found };
    const json = details === null ? Prisma.DbNull : (details as Prisma.InputJsonObject);
    await transaction.auditEntry.create({ data: { ...change, id: ascendingRowId(), at, details: json } });
    const oldest = firstIdAt(new Date(at.getTime() - retentionDays * DAY_MS));
    await transaction.$executeRaw`
      DELETE FROM audit_log WHERE id IN (
        SELECT id FROM audit_log WHERE id < ${oldest}::uuid ORDER BY id LIMIT ${PRUNED_AT_A_TIME} FOR UPDATE SKIP LOCKED)`;
  };
}

export function createAuditStore(prisma: PrismaClient): AuditStore {
  return {
    list: ({ after, limit }) =>
      withStoreErrors(async () => {
        const rows = await prisma.auditEntry.findMany({
          ...(after === null ? {} : { where: { id: { lt: after } } }),
          orderBy: { id: 'desc' },
          take: limit + 1,
        });
        return pageOf(rows as readonly AuditEntry[], limit);
      }),
  };
}
