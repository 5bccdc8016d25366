/** A PM2 of a test's own: its home, its daemon, and an installed copy of the package, all in a temporary directory. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { atExit } from './at-exit.ts';
import { bareEnvironment, killEmbeddedServer, openTempDirectory } from './daemon.ts';
import { copyPackage, REPOSITORY } from './installed-package.ts';
import { until } from './until.ts';

const PM2 = join(REPOSITORY, 'node_modules/pm2');

export interface Pm2Process {
  /** 0 while there is none. */
  readonly pid: number;
  readonly status: string;
  readonly mode: string;
  readonly restarts: number;
  /** Milliseconds since 1970; null once PM2 has given it up. */
  readonly createdAt: number | null;
  readonly memoryLimit: number;
  readonly killTimeout: number;
}

export interface Pm2 {
  /** Root of the installed copy; `.env` and `data` belong here. */
  readonly root: string;
  /** Runs `pm2 <args>`, resolves to what it printed, and rejects if it fails. */
  run(...args: readonly string[]): Promise<string>;
  /** Every process that PM2 knows, in the order of their ids. */
  processes(): Promise<Pm2Process[]>;
  /** Of PM2's daemon: in cluster mode it takes every connection and hands it to a worker. */
  daemonPid(): number;
  /** PM2's own log, and what the app printed. */
  log(): string;
  appLog(): string;
  /** `pm2-runtime ecosystem.config.cjs`, which stays in the foreground. */
  runtime(): ChildProcess;
  /** Ends PM2, the apps and their PostgreSQL, and removes the directory. Idempotent. */
  dispose(): Promise<void>;
}

/** @param env everything that PM2 and the app find in their environment, apart from PATH and HOME */
export function installPm2(env: Readonly<Record<string, string>>): Pm2 {
  const home = openTempDirectory('gateway-pm2-');
  const root = join(home, 'app');
  const pm2Home = join(home, 'pm2');
  copyPackage(root);
  cpSync(join(REPOSITORY, 'ecosystem.config.cjs'), join(root, 'ecosystem.config.cjs'));
  symlinkSync(join(REPOSITORY, 'node_modules'), join(root, 'node_modules'));
  const environment = bareEnvironment({
    PM2_HOME: pm2Home,
    PM2_DISCRETE_MODE: 'true',
    PM2_DISABLE_VERSION_CHECK: 'true',
    ...env,
  });
  const options = { cwd: root, env: environment };

  const children = new Set<ChildProcess>();
  const remember = (child: ChildProcess): void => {
    children.add(child);
    child.once('exit', () => children.delete(child));
  };
  const run = async (...args: readonly string[]): Promise<string> => {
    const command = promisify(execFile)(process.execPath, [join(PM2, 'bin/pm2'), ...args], {
      ...options,
      maxBuffer: 16 * 1024 * 1024,
    });
    remember(command.child);
    return (await command).stdout;
  };
  const killAll = (): void => {
    for (const child of children) child.kill('SIGKILL');
    for (const pid of recordedPids(pm2Home)) killIfOurs(pid, home);
    killEmbeddedServer(join(root, 'data'));
  };
  const disposed = atExit(() => {
    killAll();
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  });

  return {
    root,
    run,
    processes: async () => (await monitorData(join(pm2Home, 'rpc.sock'))).map(described),
    daemonPid: () => Number(readIfThere(join(pm2Home, 'pm2.pid'))),
    log: () => readIfThere(join(pm2Home, 'pm2.log')),
    appLog: () =>
      ['out', 'error'].map((kind) => readIfThere(join(pm2Home, `logs/webhook-gateway-${kind}.log`))).join(''),
    runtime() {
      const child = spawn(process.execPath, [join(PM2, 'bin/pm2-runtime'), 'ecosystem.config.cjs'], {
        ...options,
        stdio: 'ignore',
      });
      remember(child);
      return child;
    },
    async dispose() {
      if (!existsSync(home)) return;
      for (const child of children) {
        child.kill('SIGKILL');
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      }
      if (existsSync(join(pm2Home, 'pm2.pid'))) await run('kill');
      killAll();
      await rm(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
      disposed();
    },
  };
}

/** False for a zombie as well: it is gone but for whoever has to reap it. */
export function isRunning(pid: number): boolean {
  const stat = readIfThere(`/proc/${pid}/stat`);
  return stat !== '' && !stat.slice(stat.lastIndexOf(')')).startsWith(') Z');
}

/** Resolves when none of the processes runs. */
export async function ended(pids: readonly number[]): Promise<void> {
  await until(`the end of ${pids.join(', ')}`, () => !pids.some(isRunning));
}

const require = createRequire(PM2);
const axon = require('pm2/modules/pm2-axon') as { socket(kind: 'req'): AxonSocket };
const { Client } = require('pm2/modules/pm2-axon-rpc') as { Client: new (socket: AxonSocket) => RpcClient };

interface AxonSocket {
  connect(path: string): void;
  close(): void;
}

interface RpcClient {
  call(method: 'getMonitorData', none: object, done: (error: Error | null, list: Monitored[]) => void): void;
}

/** Asks PM2's daemon what `pm2 jlist` asks it: without a process for every look, which takes most of a second of a core. */
function monitorData(socketPath: string): Promise<Monitored[]> {
  const socket = axon.socket('req');
  socket.connect(socketPath);
  return new Promise((resolve, reject) => {
    new Client(socket).call('getMonitorData', {}, (error, list) => {
      socket.close();
      if (error === null) resolve(list);
      else reject(error);
    });
  });
}

interface Monitored {
  readonly pid: number;
  readonly pm2_env: {
    readonly status: string;
    readonly exec_mode: string;
    readonly restart_time: number;
    readonly created_at: number | null;
    readonly max_memory_restart: number;
    readonly kill_timeout: number;
  };
}

function described({ pid, pm2_env: env }: Monitored): Pm2Process {
  return {
    pid,
    status: env.status,
    mode: env.exec_mode,
    restarts: env.restart_time,
    createdAt: env.created_at,
    memoryLimit: env.max_memory_restart,
    killTimeout: env.kill_timeout,
  };
}

/** PM2's daemon, and the apps as it last wrote them down. */
function recordedPids(pm2Home: string): number[] {
  const apps = join(pm2Home, 'pids');
  const files = existsSync(apps) ? readdirSync(apps).map((name) => join(apps, name)) : [];
  return [join(pm2Home, 'pm2.pid'), ...files].map((file) => Number(readIfThere(file))).filter((pid) => pid > 1);
}

/** PM2 gives every process a title with its directory; the number may be somebody else's by now. */
function killIfOurs(pid: number, home: string): void {
  if (isRunning(pid) && readIfThere(`/proc/${pid}/cmdline`).includes(home)) process.kill(pid, 'SIGKILL');
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
