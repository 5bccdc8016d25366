/** The connections that ingest has to itself, and the watch over them that the seen store depends on. */
import pg from 'pg';
import { type ConnectionOptions, connectionConfig } from './connection.ts';
import { sqlStateOf } from './store-error.ts';

export interface IngestPoolOptions {
  readonly databaseUrl: string;
  /** One connection for each batch that may be under way. */
  readonly size: number;
  /** Milliseconds for a batch, and for a connection. */
  readonly timeoutMs: number;
  /** A connection was made; `databaseId` says to which database. Also called again after a loss. */
  readonly onConnected: (databaseId: string) => void;
  /** A connection broke or was given up. The database behind the next one may be an older copy. */
  readonly onLost: () => void;
}

export interface IngestPool {
  readonly pool: pg.Pool;
  /** Closes the connections. Idempotent. */
  close(): Promise<void>;
}

const UNDEFINED_TABLE = '42P01';
/**
 * Milliseconds between two signs of life of connections that nobody uses. A server that vanished without a word, as in a
 * failover of its address, is otherwise noticed by the next batch only, and duplicates answered until then would rest on
 * what the old one knew.
 */
const HEARTBEAT_MS = 5_000;

/** Opens nothing yet: a connection is made when the first batch needs it. */
export function createIngestPool(options: IngestPoolOptions): IngestPool {
  let closing: Promise<unknown> | undefined;
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
        if (closing === undefined) options.onLost();
      });
      const databaseId = await greet(client);
      if (databaseId !== null) options.onConnected(databaseId);
    },
  });
  // An idle connection that breaks is reported here; `end` above has the consequence.
  pool.on('error', () => undefined);
  let beat: Promise<unknown> = Promise.resolve();
  const heartbeat = setInterval(() => {
    const idle = pool.idleCount > 0 && pool.idleCount === pool.totalCount;
    // A query that fails destroys its connection, which is all that is wanted of it.
    if (idle) beat = Promise.allSettled(Array.from({ length: pool.idleCount }, () => pool.query('SELECT 1')));
  }, HEARTBEAT_MS);
  return {
    pool,
    async close() {
      clearInterval(heartbeat);
      closing ??= beat.then(() => pool.end());
      await closing;
    },
  };
}

/**
 * Makes commits of this session durable where the role or the database has switched that off (the promise rests on it;
 * other settings than `off` wait for the local disk at least, and are left alone), and asks which database this is.
 *
 * @returns null before the first migration
 */
async function greet(client: pg.ClientBase): Promise<string | null> {
  await client.query(
    `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`,
  );
  try {
    const { rows } = await client.query<{ id: string }>('SELECT id FROM webhook_gateway');
    return rows[0]?.id ?? null;
  } catch (error) {
    if (sqlStateOf(error) === UNDEFINED_TABLE) return null;
    throw error;
  }
}
