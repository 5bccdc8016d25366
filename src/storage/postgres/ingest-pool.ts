/** The connections that ingest has to itself, and the watch over them that the seen store depends on. */
import pg from 'pg';
import { type ConnectionOptions, connectionConfig, survive } from './connection.ts';
import { makeCommitsDurable } from './durable-commits.ts';
import { sqlStateOf } from './store-error.ts';

export interface IngestPoolOptions {
  readonly databaseUrl: string;
  /** One connection for each batch that may be under way. */
  readonly size: number;
  /** Milliseconds for a batch, and for a connection. */
  readonly timeoutMs: number;
  /** There are connections, to this storage; told again after each loss, and when the tables have become others. */
  readonly onConnected: (storageId: string) => void;
  /** A connection broke or was given up, or the tables are gone or others: what was committed before may be gone as well. */
  readonly onLost: () => void;
  /** The tables are not there: not yet, or no longer. */
  readonly onTablesMissing: () => void;
}

export interface IngestPool {
  readonly pool: pg.Pool;
  /** Closes the connections. Idempotent. */
  close(): Promise<void>;
}

const UNDEFINED_TABLE = '42P01';
/**
 * Milliseconds between two signs of life. Two things happen to a database without a word: it vanishes in a failover of its
 * address, and it is restored or emptied in place. Until noticed, duplicates would rest on what it knew before.
 */
const HEARTBEAT_MS = 1_000;
/** While every connection is busy, batches show that the server lives, and only every so many signs of life are asked for. */
const BUSY_SKIPS = 5;
/**
 * Which database, and which tables: dropping and restoring them gives them another oid, TRUNCATE another file. (So do
 * VACUUM FULL and CLUSTER, which costs no more than a cold cache. A DELETE by hand cannot be seen.)
 */
const STORAGE_ID = `SELECT concat_ws(':', id, 'events'::regclass::oid, pg_relation_filenode('events')) AS id FROM webhook_gateway`;

/** Opens nothing yet: a connection is made when the first batch needs it. */
export function createIngestPool(options: IngestPoolOptions): IngestPool {
  const watch = watchStorage(options);
  let closing: Promise<unknown> | undefined;
  let beat: Promise<unknown> = Promise.resolve();
  const connection: ConnectionOptions = {
    databaseUrl: options.databaseUrl,
    applicationName: 'webhook-gateway ingest',
    connectTimeoutMs: options.timeoutMs,
    queryTimeoutMs: options.timeoutMs,
  };
  const pool = new pg.Pool({
    ...connectionConfig(connection),
    max: options.size,
    // A connection that ends is a sign of a restart, and costs the seen store its memory: none is closed for idleness.
    idleTimeoutMillis: 0,
    onConnect: async (client) => {
      client.once('end', () => {
        if (closing !== undefined) return;
        watch.lost();
        // Others may be alive, and then nothing else would tell the seen store so.
        beatNow();
      });
      await makeCommitsDurable(client);
      await watch.look(client);
    },
  });
  // An idle connection that breaks is reported here; `end` above has the consequence.
  pool.on('error', () => undefined);
  pool.on('connect', survive);
  let beating = false;
  let skipped = 0;
  const beatNow = () => {
    // One at a time: on a slow server looks would pile up and keep the connections from batches.
    if (beating || pool.totalCount === 0) return;
    if (pool.idleCount === 0 && ++skipped < BUSY_SKIPS) return;
    skipped = 0;
    beating = true;
    // Every idle connection is asked; a query that fails destroys its connection, which is all that is wanted of it.
    const looks = Array.from({ length: Math.max(1, pool.idleCount) }, () => watch.look(pool));
    beat = Promise.allSettled(looks).finally(() => {
      beating = false;
    });
  };
  const heartbeat = setInterval(beatNow, HEARTBEAT_MS);
  return {
    pool,
    async close() {
      clearInterval(heartbeat);
      closing ??= beat.then(() => pool.end());
      await closing;
    },
  };
}

/** Compares what is there with what was there at the last look. */
function watchStorage({ onConnected, onLost, onTablesMissing }: IngestPoolOptions) {
  let known: string | null = null;
  const lost = () => {
    known = null;
    onLost();
  };
  return {
    lost,
    async look(queries: pg.ClientBase | pg.Pool): Promise<void> {
      const found = await storageId(queries);
      if (found === null) onTablesMissing();
      if (found === known) return;
      if (known !== null) lost();
      if (found === null) return;
      known = found;
      onConnected(found);
    },
  };
}

/** Null if the tables are not there. */
async function storageId(queries: pg.ClientBase | pg.Pool): Promise<string | null> {
  try {
    const { rows } = await queries.query<{ id: string }>(STORAGE_ID);
    return rows[0]?.id ?? null;
  } catch (error) {
    if (sqlStateOf(error) === UNDEFINED_TABLE) return null;
    throw error;
  }
}
