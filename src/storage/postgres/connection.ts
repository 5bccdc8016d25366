/** From DATABASE_URL to the settings of a `pg` connection: one place, so that every connection means the same by them. */
import { userInfo } from 'node:os';
import pg from 'pg';

export interface ConnectionOptions {
  readonly databaseUrl: string;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  /** Milliseconds to wait for a connection, a free place in the pool included. */
  readonly connectTimeoutMs: number;
  /**
   * Milliseconds after which a query is given up and its connection destroyed. Measured at the client: the server's
   * `statement_timeout` does nothing while the server is paused or cut off. 0: never. The server gives it up a second
   * later, or its session would wait on for ever where it waits for a lock.
   */
  readonly queryTimeoutMs: number;
  /** Milliseconds for which a statement waits for a lock. Absent: as the server has it. */
  readonly lockTimeoutMs?: number;
}

/**
 * Settings for `pg.Pool`, `pg.Client` and Prisma's adapter. `sslmode` has libpq's meaning (`require` encrypts and does not
 * verify, `verify-full` verifies); without it there is no TLS. Sessions run in UTC: Prisma's adapter reads and writes
 * times without an offset, so in any other zone they would be shifted. `schema`, a parameter of Prisma's own, names the
 * schema of the tables.
 *
 * @throws TypeError if the URL cannot be parsed; the message does not repeat it, since it holds the password
 */
export function connectionConfig(options: ConnectionOptions): pg.PoolConfig {
  const url = parseUrl(options.databaseUrl);
  const parameters = url.searchParams;
  const sslMode = parameters.get('sslmode');
  // Prefer: handled below. Allow: plain first, and a server that insists on TLS says so in its error.
  if (sslMode === 'prefer' || sslMode === 'allow') parameters.delete('sslmode');
  else if (sslMode !== null) parameters.set('uselibpqcompat', 'true');
  // As libpq does; `pg` looks at $USER only, which a service manager need not set.
  if (url.username === '' && !parameters.has('user')) parameters.set('user', userInfo().username);
  const schema = parameters.get('schema');
  const { queryTimeoutMs, lockTimeoutMs } = options;
  // Of equal ones the last wins: the URL's over our timeouts, and our zone over everything.
  const startupOptions = [
    queryTimeoutMs > 0 && `-c statement_timeout=${queryTimeoutMs + 1_000}`,
    lockTimeoutMs !== undefined && `-c lock_timeout=${lockTimeoutMs}`,
    parameters.get('options'),
    '-c TimeZone=UTC',
    schema && searchPath(schema),
  ];
  parameters.delete('options');
  parameters.delete('schema');
  return {
    connectionString: url.toString(),
    application_name: options.applicationName,
    options: startupOptions.filter(Boolean).join(' '),
    connectionTimeoutMillis: options.connectTimeoutMs,
    query_timeout: queryTimeoutMs,
    keepAlive: true,
    ...(sslMode === 'prefer' ? { Client: preferTlsClient() } : {}),
  };
}

/**
 * For every connection that a pool has made. Whoever waits for a query is told there of a connection that ends; without a
 * listener of its own the process would end as well. The pool has one for idle connections only, and whoever takes one out
 * comes too late with theirs: the server may end a session in the same packet in which it says that it is ready.
 */
export function survive(client: pg.ClientBase): void {
  client.on('error', () => undefined);
}

/** The schema that the URL names by `schema`, a parameter of Prisma's own; null if it leaves that to the server. */
export function schemaOf(databaseUrl: string): string | null {
  return parseUrl(databaseUrl).searchParams.get('schema');
}

/** The startup option for it: an identifier in quotes, within an option in which blanks and backslashes are escaped. */
function searchPath(schema: string): string {
  const identifier = `"${schema.replaceAll('"', '""')}"`;
  return `-c search_path=${identifier.replace(/[\\\s]/g, '\\$&')}`;
}

function parseUrl(databaseUrl: string): URL {
  try {
    return new URL(databaseUrl);
  } catch {
    throw new TypeError('DATABASE_URL is not a URL: write postgresql://user:password@host:5432/database');
  }
}

type ConnectCallback = ((error: Error) => void) | ((error: null, client: pg.Client) => void);

/** A client class for `sslmode=prefer`: with TLS until the server says that it has none, then without. */
function preferTlsClient(): typeof pg.Client {
  let serverHasTls = true;
  return class PreferTlsClient extends pg.Client {
    constructor(config?: string | pg.ClientConfig) {
      const settings = typeof config === 'object' ? config : {};
      super({ ...settings, ssl: serverHasTls ? { rejectUnauthorized: false } : false });
    }

    override connect(): Promise<pg.Client>;
    override connect(callback: ConnectCallback): void;
    override connect(callback?: ConnectCallback): Promise<pg.Client> | undefined {
      // This attempt fails all the same; whoever asked for the connection tries again, and then gets one without TLS.
      const connected = super.connect().catch((error: Error) => {
        if (error.message === 'The server does not support SSL connections') serverHasTls = false;
        throw error;
      });
      if (callback === undefined) return connected;
      const settle = callback as (error: Error | null, client?: pg.Client) => void;
      connected.then((client) => settle(null, client), settle);
      return undefined;
    }
  };
}
