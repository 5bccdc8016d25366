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
   * tables hold by then: what they join must be few rows on one side and indexed on the other. Default: false.
   */
  readonly named?: boolean;
  /**
   * Statements are sent without waiting for the answers of those before them, as far as `work` does not wait; the first ones
   * before it is known that the transaction has begun (`HAS_BEGUN`). Default: false, each is sent when the one before it has
   * been answered.
   */
  readonly pipelined?: boolean;
}

/** Sends a statement whose answer `work` does not need: the commit comes right behind it, and fails if it has failed. */
export type Send = (query: pg.QueryConfig) => void;
type Work<T> = (client: pg.ClientBase, send: Send) => Promise<T>;

/**
 * The limits are the server's share: if this process or its machine vanishes without a word, rows would stay locked.
 * A commit need not wait for the disk where work is found undone, and done again, should a crash of the server take the last
 * ones with it.
 */
const begin = ({ timeoutMs, durable = false, named = false }: TransactionPoolOptions) => `BEGIN;
SET LOCAL statement_timeout = ${timeoutMs}; SET LOCAL idle_in_transaction_session_timeout = ${timeoutMs};
SET LOCAL gateway.begun = 'yes'; SET LOCAL synchronous_commit = ${durable ? 'on' : 'off'}${named ? LASTING_PLANS : ''}`;

/**
 * A condition for the first statement of a pipelined transaction, if it writes: should BEGIN be cancelled or refused, what was
 * sent behind it runs all the same, each statement with a commit of its own.
 */
export const HAS_BEGUN = `current_setting('gateway.begun', true) = 'yes'`;

/** Rows are looked up one by one: the other joins read all of a table, which may have been small when the plan was made. */
const LASTING_PLANS =
  '; SET LOCAL enable_seqscan = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_hashjoin = off';

/** For transactions that are done again if their last commits are lost in a crash of the server. */
export interface TransactionPool {
  /**
   * Commits if `work` resolves; else nothing of it has happened, or the commit got no answer. `durable` as of the pool, for this
   * one. Where names turn out to be unusable, `work` is called once more, for a new transaction.
   */
  transaction<T>(work: Work<T>, more?: Pick<TransactionPoolOptions, 'durable'>): Promise<T>;
  /** Cuts what is under way. Idempotent. */
  close(): Promise<void>;
}

export function createTransactionPool(options: TransactionPoolOptions): TransactionPool {
  const { databaseUrl, applicationName, timeoutMs, connections = 1, pipelined = false } = options;
  const pool = new pg.Pool({
    ...connectionConfig({
      databaseUrl,
      applicationName,
      connectTimeoutMs: CONNECT_TIMEOUT,
      queryTimeoutMs: timeoutMs,
    }),
    pipeline: pipelined,
    max: connections,
  });
  pool.on('error', () => undefined);
  const clients = new Set<pg.PoolClient>();
  pool.on('connect', (client) => {
    clients.add(client);
    survive(client);
  });
  pool.on('remove', (client) => clients.delete(client));
  const working = new Set<pg.PoolClient>();
  pool.on('acquire', (client) => working.add(client));
  pool.on('release', (_, client) => working.delete(client));
  let closing: Promise<unknown> | undefined;
  let named = options.named ?? false;
  return {
    async transaction(work, more) {
      const beginning = begin({ ...options, ...more });
      if (!named) return transaction(pool, beginning, work);
      try {
        return await transaction(pool, beginning, work, namingStatements);
      } catch (error) {
        if (!isFaultOfNames(error)) throw error;
        if (areNamesLost(error)) named = false;
        return transaction(pool, beginning, work);
      }
    },
    async close() {
      closing ??= (async () => {
        const ended = pool.end();
        for (const client of clients) {
          client.end().catch(() => undefined);
          // A client that pipelines would wait for all that is under way first: where the server is silent, until the timeout.
          if (working.has(client)) client.connection.stream.destroy();
        }
        await ended;
      })();
      await closing;
    },
  };
}

async function transaction<T>(
  pool: pg.Pool,
  beginning: string,
  work: Work<T>,
  wrap: (client: pg.PoolClient) => pg.PoolClient = (client) => client,
): Promise<T> {
  const client = await pool.connect();
  const wrapped = wrap(client);
  const sent: Promise<unknown>[] = [];
  const send = (query: string | pg.QueryConfig) => {
    const answered = wrapped.query(query);
    // Whether it has failed is asked at the end; until then there may be nobody who waits for it.
    answered.catch(() => undefined);
    sent.push(answered);
  };
  let destroy = true;
  try {
    send(beginning);
    if (!client.pipeline) await sent[0];
    const result = await work(failingFirst(wrapped, sent), send);
    // Behind one that has failed it rolls back.
    send('COMMIT');
    await Promise.all(sent);
    destroy = false;
    return result;
  } catch (error) {
    if (leavesConnectionUsable(error)) destroy = !(await rollBack(client));
    throw error;
  } finally {
    client.release(destroy);
  }
}

/**
 * The client, whose queries fail with what one of those sent before them has failed with: `work` goes no further, and its fault is
 * not the one of the statements behind, that their transaction is aborted.
 */
function failingFirst(client: pg.PoolClient, sent: readonly Promise<unknown>[]): pg.PoolClient {
  return new Proxy(client, {
    get(target, property) {
      if (property !== 'query') return Reflect.get(target, property, target);
      return (...query: readonly unknown[]) => {
        const before = Promise.all(sent);
        const answered: Promise<unknown> = Reflect.apply(target.query, target, query);
        answered.catch(() => undefined);
        return before.then(() => answered);
      };
    },
  });
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
