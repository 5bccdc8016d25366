/** The connection on which batches are dispatched. After a crash of the server that lost its last commits, their marks are back as well. */
import { createTransactionPool, type TransactionPool } from './transaction-pool.ts';

/** Milliseconds for a statement, the wait for rows that another worker holds included. */
const STATEMENT_TIMEOUT = 10_000;

/** Shown in `pg_stat_activity`: whoever gives way to dispatch sees by it that there is any. */
export const DISPATCH_SESSION = 'webhook-gateway dispatch';

export type DispatchPool = TransactionPool;

export function createDispatchPool(databaseUrl: string, timeoutMs = STATEMENT_TIMEOUT): DispatchPool {
  return createTransactionPool({ databaseUrl, applicationName: DISPATCH_SESSION, timeoutMs });
}
