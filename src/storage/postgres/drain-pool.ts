/** The connection on which the spool is drained: it may wait for as long as a live batch may not. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { connectionConfig, survive } from './connection.ts';
import { makeCommitsDurable } from './durable-commits.ts';

/** Milliseconds for a statement. Long, since a server that was paused or is slow commits it after all; nobody waits for it. */
const STATEMENT_TIMEOUT = 30_000;
const CONNECT_TIMEOUT = 5_000;
/** Milliseconds for a lock: whoever holds it holds up a record, and must not hold up those behind it. */
const LOCK_TIMEOUT = 2_000;
const CLOSE_WAIT = 500;

export interface DrainPool {
  readonly pool: pg.Pool;
  /** Cuts what is under way: the rows may be stored all the same, and are found known when they come again. Idempotent. */
  close(): Promise<void>;
}

export function createDrainPool(databaseUrl: string): DrainPool {
  const pool = new pg.Pool({
    ...connectionConfig({
      databaseUrl,
      applicationName: 'webhook-gateway drain',
      connectTimeoutMs: CONNECT_TIMEOUT,
      queryTimeoutMs: STATEMENT_TIMEOUT,
      lockTimeoutMs: LOCK_TIMEOUT,
    }),
    max: 1,
    onConnect: makeCommitsDurable,
  });
  pool.on('error', () => undefined);
  const clients = new Set<pg.PoolClient>();
  pool.on('connect', (client) => {
    clients.add(client);
    survive(client);
  });
  pool.on('remove', (client) => clients.delete(client));
  let closing: Promise<unknown> | undefined;
  return {
    pool,
    async close() {
      closing ??= (async () => {
        const ended = pool.end();
        // Of one that is busy this is the end of its socket: the pool alone would wait for its statement.
        for (const client of clients) client.end().catch(() => undefined);
        // One that is still being made ends by itself.
        await Promise.race([ended, sleep(CLOSE_WAIT, undefined, { ref: false })]);
      })();
      await closing;
    },
  };
}
