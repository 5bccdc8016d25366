/**
 * Connections for transactions of several statements.
 *
 * `pg` and not Prisma, for the sake of its deadline: after a query that got no answer Prisma's adapter puts the connection
 * back into the pool as it is. Once the server goes on, the next transaction finds itself inside the one that was given
 * up, and commits what that one had written halfway. Here such a connection is destroyed.
 */
import pg from 'pg';
import { ReductionError } from '../../core/dispatch.ts';
import { connectionConfig, survive } from './connection.ts';
import { areNamesLost, isFaultOfNames, namingStatements } from './named-statements.ts';
import { toStoreError } from './store-error.ts';

const CONNECT_TIMEOUT = 2_000;

export interface TransactionPoolOptions {
  readonly databaseUrl: string;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  /** Milliseconds for a statement, the wait for rows that others hold included. */
  readonly timeoutMs: number;
  /** Transactions at a time; 1 unless given. */
  readonly connections?: number;
  /** Commits wait for the disk. Default: they do not. */
  readonly durable?: boolean;
  /**
   * Statements are planned once for each connection: for few texts that come often. Their plans must be good whatever the
   * tables hold by then, so they are made without sequential scans. Default: false.
   */
  readonly named?: boolean;
}

/**
 * The limits are the server's share: if this process or its machine vanishes without a word, rows would stay locked.
 * A commit need not wait for the disk where work is found undone, and done again, should a crash of the server take the last
 * ones with it.
 */
const begin = ({ timeoutMs, durable = false, named = false }: TransactionPoolOptions) => `BEGIN;
SET LOCAL statement_timeout = ${timeoutMs}; SET LOCAL idle_in_transaction_session_timeout = ${timeoutMs};
SET LOCAL synchronous_commit = ${durable ? 'on' : 'off'}${named ? '; SET LOCAL enable_seqscan = off' : ''}`;

/** For transactions that are done again if their last commits are lost in a crash of the server. */
export interface TransactionPool {
  /**
   * Commits if `work` resolves; else nothing of it has happened, or the commit got no answer. `durable` as of the pool, for this
   * one. Where names turn out to be unusable, `work` is called once more, for a new transaction.
   */
  transaction<T>(
    work: (client: pg.ClientBase) => Promise<T>,
    more?: Pick<TransactionPoolOptions, 'durable'>,
  ): Promise<T>;
  /** Cuts what is under way. Idempotent. */
  close(): Promise<void>;
}

export function createTransactionPool(options: TransactionPoolOptions): TransactionPool {
  const { databaseUrl, applicationName, timeoutMs, connections = 1 } = options;
  const pool = new pg.Pool({
    ...connectionConfig({
      databaseUrl,
      applicationName,
      connectTimeoutMs: CONNECT_TIMEOUT,
      queryTimeoutMs: timeoutMs,
    }),
    max: connections,
  });
  pool.on('error', () => undefined);
  const clients = new Set<pg.PoolClient>();
  pool.on('connect', (client) => {
    clients.add(client);
    survive(client);
  });
  pool.on('remove', (client) => clients.delete(client));
  let closing: Promise<unknown> | undefined;
  let named = options.named ?? false;
  return {
    async transaction(work, more) {
      const beginning = begin({ ...options, ...more });
      if (!named) return transaction(pool, beginning, work);
      try {
        return await transaction(pool, beginning, (client) => work(namingStatements(client)));
      } catch (error) {
        if (!isFaultOfNames(error)) throw error;
        if (areNamesLost(error)) named = false;
        return transaction(pool, beginning, work);
      }
    },
    async close() {
      closing ??= (async () => {
        const ended = pool.end();
        for (const client of clients) client.end().catch(() => undefined);
        await ended;
      })();
      await closing;
    },
  };
}

async function transaction<T>(
  pool: pg.Pool,
  beginning: string,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let destroy = true;
  try {
    await client.query(beginning);
    const result = await work(client);
    await client.query('COMMIT');
    destroy = false;
    return result;
  } catch (error) {
    if (leavesConnectionUsable(error)) destroy = !(await rollBack(client));
    throw error;
  } finally {
    client.release(destroy);
  }
}

function leavesConnectionUsable(error: unknown): boolean {
  if (error instanceof ReductionError) return true;
  const { fault } = toStoreError(error);
  return fault === 'data' || fault === 'contention';
}

async function rollBack(client: pg.ClientBase): Promise<boolean> {
  return client.query('ROLLBACK').then(
    () => true,
    () => false,
  );
}
