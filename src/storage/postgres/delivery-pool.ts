/** The connections of delivery: for a claim, reports, and what is given back or removed, side by side. */
import { createTransactionPool, type TransactionPool } from './transaction-pool.ts';

/** Milliseconds for a statement. */
const STATEMENT_TIMEOUT = 10_000;
const CONNECTIONS = 3;

export function createDeliveryPool(databaseUrl: string): TransactionPool {
  return createTransactionPool({
    databaseUrl,
    applicationName: 'webhook-gateway delivery',
    timeoutMs: STATEMENT_TIMEOUT,
    connections: CONNECTIONS,
    named: true,
    pipelined: true,
  });
}
