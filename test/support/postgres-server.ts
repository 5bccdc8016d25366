/** A throw-away PostgreSQL server for tests: real, of its own, from the embedded binaries. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { makeDirectory } from '../../src/storage/disk/make-directory.ts';
import { createCluster } from '../../src/storage/postgres/embedded/create-cluster.ts';
import { freeLoopbackPort } from '../../src/storage/postgres/embedded/loopback-port.ts';
import { defaultServerAccount } from '../../src/storage/postgres/embedded/server-account.ts';
import { usableServerBinaries } from '../../src/storage/postgres/embedded/server-binaries.ts';
import { type ServerCluster, startServer, stopServer } from '../../src/storage/postgres/embedded/server-process.ts';

export interface PostgresServerOptions {
  /** Off unless asked for: tests do not cut the power. */
  readonly fsync?: boolean;
  /** Settings of postgresql.conf, for every start of this server. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Where the server's files go, and what `destroy` removes; a new directory under the system's temporary one if it is not given. */
  readonly directory?: string;
  readonly port?: number;
}

export interface PostgresServer {
  readonly port: number;
  readonly directory: string;
  /** URL of a database, `gateway` unless another is named, as the superuser `postgres`. */
  url(database?: string): string;
  createDatabase(name: string): Promise<void>;
  /** Of the postmaster, as it is now. Throws if the server was stopped. */
  pid(): number;
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
  /** Again, on the same directory and port: after `stop` or `kill`. */
  start(): Promise<void>;
  /** SIGKILL to the postmaster, as the kernel's out-of-memory killer would. */
  kill(): void;
  /** SIGSTOP to the postmaster and every process of it: connections stay open and nothing answers. Linux only. */
  pause(): void;
  resume(): void;
  /** Stops the server and removes its files. Idempotent, and works on a paused one. */
  destroy(): Promise<void>;
}

/** Starts a server with an empty database `gateway`. About a second, most of it initdb. */
export async function startPostgresServer(options: PostgresServerOptions = {}): Promise<PostgresServer> {
  const account = await defaultServerAccount();
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'gateway-postgres-')));
  if (options.directory === undefined) await chmod(directory, 0o711);
  else makeDirectory(directory, 0o711);
  const copyDirectory = account ? '/var/lib/webhook-gateway' : directory;
  const binaries = await usableServerBinaries({ account, copyDirectory });
  const cluster: ServerCluster = { binaries, account, clusterDirectory: join(directory, 'cluster') };
  const password = randomBytes(12).toString('hex');
  await createCluster({
    ...cluster,
    password,
    sync: false,
    settings: { timezone: 'UTC', log_timezone: 'UTC', shared_buffers: '32MB', max_connections: '100' },
  });
  const server = new ThrowAwayServer(cluster, directory, options.port ?? (await freeLoopbackPort()), password, {
    fsync: options.fsync === true ? 'on' : 'off',
    ...options.settings,
  });
  try {
    await server.start(options.port === undefined);
    await server.createDatabase('gateway');
  } catch (error) {
    await server.destroy();
    throw error;
  }
  return server;
}

class ThrowAwayServer implements PostgresServer {
  readonly directory: string;
  readonly #cluster: ServerCluster;
  readonly #password: string;
  readonly #settings: Readonly<Record<string, string>>;
  #port: number;
  #paused: number[] = [];
  readonly #reaper: ChildProcess;

  constructor(
    cluster: ServerCluster,
    directory: string,
    port: number,
    password: string,
    settings: Readonly<Record<string, string>>,
  ) {
    this.#cluster = cluster;
    this.directory = directory;
    this.#port = port;
    this.#password = password;
    this.#settings = settings;
    this.#reaper = reapAfterUs(directory);
  }

  get port(): number {
    return this.#port;
  }

  url(database = 'gateway'): string {
    return `postgresql://postgres:${this.#password}@127.0.0.1:${this.#port}/${database}?sslmode=disable`;
  }

  async createDatabase(name: string): Promise<void> {
    const client = new pg.Client({ connectionString: this.url('postgres') });
    await client.connect();
    try {
      await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
    } finally {
      await client.end();
    }
  }

  pid(): number {
    const firstLine = readFileSync(join(this.#cluster.clusterDirectory, 'postmaster.pid'), 'utf8').split('\n', 1)[0];
    return Number(firstLine);
  }

  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    const limits = { fastSeconds: mode === 'fast' ? 30 : 0, immediateSeconds: 30 };
    if (!(await stopServer(this.#cluster, limits))) throw new Error('the PostgreSQL server does not stop');
  }

  /** @param mayMove whether another port may be taken if this one has been lost to another process meanwhile */
  async start(mayMove = false): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const result = await startServer(this.#cluster, {
        port: this.#port,
        logFile: join(this.directory, 'postgres.log'),
        settings: this.#settings,
      });
      if (result.outcome === 'ready') return;
      if (result.outcome !== 'port_taken' || !mayMove || attempt === 5) {
        throw new Error(`the PostgreSQL server does not start: ${JSON.stringify(result)}`);
      }
      this.#port = await freeLoopbackPort();
    }
  }

  kill(): void {
    signalIfAlive(this.pid(), 'SIGKILL');
  }

  pause(): void {
    // The postmaster first: then it makes no new process while the others are being stopped.
    const postmaster = this.pid();
    process.kill(postmaster, 'SIGSTOP');
    this.#paused = this.#processes();
    for (const pid of this.#paused) signalIfAlive(pid, 'SIGSTOP');
  }

  resume(): void {
    for (const pid of this.#paused.reverse()) signalIfAlive(pid, 'SIGCONT');
    this.#paused = [];
  }

  async destroy(): Promise<void> {
    this.resume();
    this.#reaper.kill('SIGKILL');
    try {
      await this.stop('immediate');
    } finally {
      await rm(this.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    }
  }

  /** The postmaster and its children, by /proc. */
  #processes(): number[] {
    let postmaster: number;
    try {
      postmaster = this.pid();
    } catch {
      return [];
    }
    return [
      postmaster,
      ...readdirSync('/proc')
        .map(Number)
        .filter((pid) => pid > 0 && parentOf(pid) === postmaster),
    ];
  }
}

/**
 * A test run that dies, however, must not leave a server behind: a shell waits for the end of its standard input, which
 * comes with our own end, and then kills every process of the server, paused ones too.
 */
function reapAfterUs(directory: string): ChildProcess {
  const script =
    'read -r _; pid=$(head -n 1 "$1/cluster/postmaster.pid") && { kill -STOP "$pid"; pkill -KILL -P "$pid"; kill -KILL "$pid"; }; sleep 0.2; rm -rf "$1"';
  const reaper = spawn('/bin/sh', ['-c', script, 'sh', directory], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  reaper.unref();
  return reaper;
}

/** The parent of a process, which is the second field after the program's name in brackets. */
function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

function signalIfAlive(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
