/** The daemon as operators run it: a process of the built `dist/main.js` with an environment and a DATA_DIR of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readDaemonFile } from '../../src/storage/disk/daemon-file.ts';
import { atExit } from './at-exit.ts';

/** Made by `npm run build`, which `npm test` runs first; after a change of `src/` run it by hand before a single file. */
export const DAEMON_SCRIPT = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** Milliseconds for a start, on a machine that is busy with other tests. */
const START_TIMEOUT = 60_000;

export interface DaemonOptions {
  /** Default: `data` in a new directory, which `dispose` removes. */
  readonly dataDir?: string;
  /** Default: a new directory, so that no `.env` of a developer is read. */
  readonly cwd?: string;
  /** Of `installForEverybody`: run from there, as this user. Only root can. */
  readonly as?: { readonly uid: number; readonly root: string };
  /** `ready` (default): until /ready says `ready`. `listening`: until it has a port; for a daemon that has no database. */
  readonly wait?: 'ready' | 'listening';
}

export interface Daemon {
  /** Base URL. */
  readonly url: string;
  readonly pid: number;
  readonly dataDir: string;
  readonly child: ChildProcess;
  /** Everything it has printed so far, both streams. */
  output(): string;
  /** Exit code, null after a signal. Never rejects. */
  readonly exited: Promise<number | null>;
  /** Sends the signal (default SIGTERM) and resolves to the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** SIGKILL. An embedded PostgreSQL survives that: see `dispose`. */
  kill(): Promise<void>;
  /** Kills it and its embedded PostgreSQL, and removes the directory if it was made here. Idempotent. */
  dispose(): Promise<void>;
}

/**
 * The environment of a process: exactly what is given, and what no program can do without. Never the tests' own, whose
 * variables would decide how a test ends.
 */
export function bareEnvironment(env: Readonly<Record<string, string>>): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', TMPDIR: tmpdir(), ...env };
}

/** A new directory that the embedded PostgreSQL's user may pass through where tests run as root. */
export function openTempDirectory(prefix: string): string {
  const directory = mkdtempSync(join(tmpdir(), prefix));
  chmodSync(directory, 0o711);
  return directory;
}

/**
 * Starts a daemon on a free port (unless `env` has PORT) and waits until it is ready.
 *
 * @throws Error with everything the daemon printed if it exits before that, or takes too long
 */
export async function startDaemon(env: Readonly<Record<string, string>>, options: DaemonOptions = {}): Promise<Daemon> {
  const home = openTempDirectory('gateway-daemon-');
  const dataDir = options.dataDir ?? join(home, 'data');
  const { as } = options;
  const script = as === undefined ? DAEMON_SCRIPT : join(as.root, 'dist/main.js');
  // Without source maps, which cost a quarter of a second of processor time at every start.
  const child = spawn(process.execPath, [script], {
    cwd: options.cwd ?? home,
    env: bareEnvironment({ PORT: '0', DATA_DIR: dataDir, ...env }),
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(as === undefined ? {} : { uid: as.uid, gid: as.uid }),
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  }
  // `close` and not `exit`: by then the last line has been read.
  const exited = once(child, 'close').then(() => child.exitCode);
  const ownsData = options.dataDir === undefined;
  const disposed = atExit(() => {
    child.kill('SIGKILL');
    if (ownsData) killEmbeddedServer(dataDir);
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  });

  const daemon: Omit<Daemon, 'url'> = {
    pid: child.pid ?? 0,
    dataDir,
    child,
    output: () => printed,
    exited,
    stop(signal = 'SIGTERM') {
      child.kill(signal);
      return exited;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    async dispose() {
      child.kill('SIGKILL');
      await exited;
      if (ownsData) killEmbeddedServer(dataDir);
      await rm(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
      disposed();
    },
  };
  try {
    return { ...daemon, url: await waitForStart(daemon, options.wait ?? 'ready') };
  } catch (error) {
    await daemon.dispose();
    throw error;
  }
}

async function waitForStart(daemon: Omit<Daemon, 'url'>, goal: 'ready' | 'listening'): Promise<string> {
  const deadline = Date.now() + START_TIMEOUT;
  for (;;) {
    // A file of an earlier daemon may lie there.
    const file = readDaemonFile(daemon.dataDir);
    if (file?.pid === daemon.pid && (goal === 'listening' || (await isReady(file.url)))) return file.url;
    if (daemon.child.exitCode !== null || daemon.child.signalCode !== null) {
      await daemon.exited;
      throw new Error(`the daemon exited with ${daemon.child.exitCode} before it was ${goal}:\n${daemon.output()}`);
    }
    if (Date.now() > deadline) throw new Error(`the daemon did not get ${goal}:\n${daemon.output()}`);
    await sleep(25);
  }
}

async function isReady(url: string): Promise<boolean> {
  const response = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(5_000) }).catch(() => null);
  // While it spools, a daemon that is still migrating is not yet what most tests want.
  return ((await response?.json().catch(() => null)) as { status?: string } | null)?.status === 'ready';
}

/** Kills the PostgreSQL server whose cluster lies in the directory; a daemon that was killed leaves it running. */
export function killEmbeddedServer(dataDir: string): void {
  try {
    const pid = Number.parseInt(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8'), 10);
    // The file outlives its server, and the number may be somebody else's by now.
    if (readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'postgres') process.kill(pid, 'SIGKILL');
  } catch {
    // None runs there.
  }
}
