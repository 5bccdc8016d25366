/**
 * The connection on which replays go on. Commits wait for the disk: if a crash of the server took a step with it, its
 * deliveries would be made again with other ids, and a receiver that had some of them could not tell.
 */
import { createTransactionPool, type TransactionPool } from './transaction-pool.ts';

/** Milliseconds for a statement. */
const STATEMENT_TIMEOUT = 10_000;

export function createReplayPool(databaseUrl: string): TransactionPool {
  const applicationName = 'webhook-gateway replay';
  return createTransactionPool({ databaseUrl, applicationName, timeoutMs: STATEMENT_TIMEOUT, durable: true });
}
