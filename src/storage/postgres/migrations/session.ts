/** The one connection on which migrations run, and the lock that keeps other processes out meanwhile. */
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { connectionConfig } from '../connection.ts';
import { MigrationError, migrationError, postgresFault } from './migration-error.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const CLOSE_TIMEOUT_MS = 1_000;
/**
 * Deadline of a statement, at the client. Migrations are short: they wait 2 s for locks at most, and indexes on existing
 * tables are built after them. The server may still finish a statement that was given up; the next attempt sees it.
 */
const STATEMENT_TIMEOUT_MS = 10 * 60_000;
const LOCK_POLL_MS = 200;
/** The advisory lock of Prisma's own `migrate deploy`: it and we keep each other out. */
const PRISMA_LOCK = 72_707_369;

/**
 * A single connection, never replaced, for two reasons. The lock belongs to it, and so lasts as long as a script that runs
 * on it, even when this process is killed and the server goes on with the script. And a replacement for a lost
 * connection would go on without the lock.
 */
export interface MigrationSession {
  /** Sends a query as `pg` takes it. After a deadline or a network fault the connection is cut; a refusal leaves it usable. */
  run(query: string | pg.QueryConfig): Promise<pg.QueryResult>;
  /** Rows of a query; `timeoutMs` replaces the deadline of 10 minutes. */
  rows<Row extends pg.QueryResultRow>(sql: string, values?: unknown[], timeoutMs?: number): Promise<Row[]>;
  /** True once the connection is broken or cut. */
  lost(): boolean;
  /** Ends the connection, and with it the lock. */
  close(): Promise<void>;
}

/**
 * Connects. When `signal` aborts, the connection is cut at once, also while it is being made, and whatever runs on it
 * rejects.
 *
 * @throws MigrationError if PostgreSQL cannot be reached or refuses the connection
 */
export async function openMigrationSession(databaseUrl: string, signal?: AbortSignal): Promise<MigrationSession> {
  const config = connectionConfig({
    databaseUrl,
    applicationName: 'webhook-gateway migrations',
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    queryTimeoutMs: STATEMENT_TIMEOUT_MS,
  });
  try {
    return await connect(config, signal);
  } catch (error) {
    const { sqlState } = postgresFault(error);
    const refused = sqlState !== undefined && /^(28|3D)/.test(sqlState);
    throw migrationError(refused ? 'failed' : 'unreachable', 'connect to PostgreSQL', error);
  }
}

async function connect(config: pg.PoolConfig, signal: AbortSignal | undefined): Promise<MigrationSession> {
  try {
    return await connectOnce(config, signal);
  } catch (error) {
    // sslmode=prefer: the settings have taken note that the server has no TLS.
    if (!(error instanceof Error && error.message === 'The server does not support SSL connections')) throw error;
    return connectOnce(config, signal);
  }
}

async function connectOnce(config: pg.PoolConfig, signal: AbortSignal | undefined): Promise<MigrationSession> {
  signal?.throwIfAborted();
  const socket = new Socket();
  const Client: new (config: pg.ClientConfig) => pg.ClientBase = config.Client ?? pg.Client;
  const client = new Client({ ...config, stream: () => socket, keepAliveInitialDelayMillis: 10_000 });
  // Whoever waits for a query learns of it there; without a listener the process would exit.
  client.on('error', () => undefined);
  const cut = () => socket.destroy();
  signal?.addEventListener('abort', cut);

  const session: MigrationSession = {
    async run(query) {
      try {
        return await client.query(query);
      } catch (error) {
        if (!(error instanceof pg.DatabaseError)) cut();
        throw error;
      }
    },
    async rows<Row extends pg.QueryResultRow>(sql: string, values: unknown[] = [], timeoutMs = STATEMENT_TIMEOUT_MS) {
      const query = { text: sql, values, query_timeout: timeoutMs };
      const result: pg.QueryResult<Row> = await session.run(query);
      return result.rows;
    },
    lost: () => socket.destroyed,
    async close() {
      // A server that is paused would never answer the farewell.
      const timer = setTimeout(cut, CLOSE_TIMEOUT_MS);
      if (client instanceof pg.Client && !socket.destroyed) await client.end();
      cut();
      clearTimeout(timer);
      signal?.removeEventListener('abort', cut);
    },
  };
  try {
    await client.connect();
    // What a role has set for itself must not cut a migration short, nor let one wait in front of the ingest statement.
    await session.rows("SELECT set_config('statement_timeout', '0', false), set_config('lock_timeout', '2s', false)");
    return session;
  } catch (error) {
    cut();
    await session.close();
    throw error;
  }
}

export interface LockOptions {
  readonly lockWaitMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Takes the lock, and keeps it until the session is closed. It is asked for again and again: a session that waits inside
 * PostgreSQL would be waited for by `CREATE INDEX CONCURRENTLY` of the one that holds it, a deadlock.
 *
 * @throws MigrationError of kind `busy` if another process still holds it after `lockWaitMs`
 */
export async function takeMigrationLock(session: MigrationSession, { lockWaitMs, signal }: LockOptions): Promise<void> {
  for (let waitedMs = 0; waitedMs <= lockWaitMs; waitedMs += LOCK_POLL_MS) {
    const [row] = await session.rows<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [PRISMA_LOCK]);
    if (row?.taken === true) return;
    await sleep(LOCK_POLL_MS, undefined, signal === undefined ? {} : { signal });
  }
  throw new MigrationError('busy', 'Another process is applying migrations to this database');
}
