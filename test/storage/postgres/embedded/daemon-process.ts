/** Processes that run embedded-daemon.ts, and what the tests of the embedded PostgreSQL share. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, rmSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../../../src/storage/postgres/embedded/embedded-postgres.ts';
import { findRunningServer } from '../../../../src/storage/postgres/embedded/running-server.ts';
import { atExit } from '../../../support/at-exit.ts';
import { killEmbeddedServer } from '../../../support/daemon.ts';

export interface DaemonReport {
  readonly error?: string;
  readonly databaseUrl: string;
  readonly dataDirectory: string;
  readonly notes: readonly string[];
}

export interface DaemonProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  /** What it printed: where it serves, or why it does not. */
  readonly report: Promise<DaemonReport>;
  /** Resolves when it has received a SIGINT. */
  readonly interrupted: Promise<string>;
  /** Lets it stop its server and waits for its end. */
  stop(): Promise<void>;
  kill(): Promise<void>;
}

const repository = fileURLToPath(new URL('../../../..', import.meta.url));
const script = fileURLToPath(new URL('embedded-daemon.ts', import.meta.url));

function spawnDaemon(dataDir: string): DaemonProcess {
  const child = spawn(process.execPath, ['--import', 'tsx', script, dataDir], {
    cwd: repository,
    // A process group of its own, as a shell gives it: tests send it Ctrl-C.
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async (): Promise<string> => {
    const { done, value } = await lines.next();
    if (done) throw new Error('the daemon ended without a word');
    return value;
  };
  const report = nextLine().then((line): DaemonReport => JSON.parse(line));
  const interrupted = report.then(nextLine);
  // A daemon that is killed on purpose says nothing, and nobody asks.
  interrupted.catch(() => {});
  return {
    pid: child.pid ?? 0,
    child,
    report,
    interrupted,
    stop: async () => {
      child.stdin.end();
      await exited;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

export interface Place {
  /** A DATA_DIR; nothing is in it unless asked for. */
  readonly directory: string;
  /** A daemon of this process. */
  start(dataDir?: string): Promise<EmbeddedPostgres>;
  /** A daemon in a process of its own. */
  spawn(dataDir?: string): DaemonProcess;
}

/** Runs a test in a directory of its own, then stops whatever still runs there, killed daemons' servers included. */
export async function inPlace(body: (place: Place) => Promise<void>): Promise<void> {
  await runIn(await openDirectory(), body);
}

/** The same, with a DATA_DIR of which a daemon once made its cluster, and was stopped. */
export async function inUsedPlace(body: (place: Place) => Promise<void>): Promise<void> {
  template ??= makeTemplate();
  const directory = await openDirectory();
  // cp and not Node's: it keeps the owner.
  await promisify(execFile)('cp', ['-a', `${await template}/.`, directory]);
  await runIn(directory, body);
}

/** initdb is most of a first start's time, so what is not about it starts with a copy. One for all files of a worker. */
let template: Promise<string> | undefined;

async function makeTemplate(): Promise<string> {
  const directory = await openDirectory();
  atExit(() => rmSync(directory, { recursive: true, force: true }));
  const postgres = await startEmbeddedPostgres({ dataDir: directory });
  await query(postgres.databaseUrl, 'CREATE TABLE kept AS SELECT 42 AS answer');
  await postgres.stop();
  return directory;
}

async function openDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'gateway-embedded-'));
  // Open to the user that the server runs as, and to daemons of other users.
  await chmod(directory, 0o755);
  return directory;
}

async function runIn(directory: string, body: (place: Place) => Promise<void>): Promise<void> {
  const started: EmbeddedPostgres[] = [];
  const spawned: DaemonProcess[] = [];
  const done = atExit(() => {
    for (const { child } of spawned) child.kill('SIGKILL');
    for (const path of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
      if (basename(path) === 'postmaster.pid') killEmbeddedServer(dirname(dirname(join(directory, path))));
    }
  });
  try {
    await body({
      directory,
      start: async (dataDir = directory) => {
        const postgres = await startEmbeddedPostgres({ dataDir });
        started.push(postgres);
        return postgres;
      },
      spawn: (dataDir = directory) => {
        const daemon = spawnDaemon(dataDir);
        spawned.push(daemon);
        return daemon;
      },
    });
  } finally {
    await Promise.all([...started.map((one) => one.stop()), ...spawned.map((one) => one.kill())]);
    await removeWithServers(directory);
    done();
  }
}

/** Kills the servers whose clusters are in the directory, and removes it. */
export async function removeWithServers(directory: string): Promise<void> {
  for (const path of await readdir(directory, { recursive: true }).catch(() => [])) {
    if (basename(path) !== 'postmaster.pid') continue;
    const clusterDirectory = dirname(join(directory, path));
    const server = await findRunningServer({ clusterDirectory, account: null });
    if (server) process.kill(server.pid, 'SIGKILL');
  }
  await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

export async function query(databaseUrl: string, sql: string): Promise<Record<string, unknown>> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query(sql)).rows[0] ?? {};
  } finally {
    await client.end();
  }
}

/** Without the note on where PostgreSQL's programs are: it is there whenever this checkout is closed to the server's user. */
export function notesOnCluster({ notes }: { notes: readonly string[] }): string[] {
  return notes.filter((note) => !note.includes("PostgreSQL's programs were copied"));
}

export async function postmasterPid(dataDirectory: string): Promise<number> {
  return Number.parseInt(await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8'), 10);
}

export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  for (const deadline = Date.now() + 20_000; !(await condition()); await sleep(10)) {
    if (Date.now() > deadline) throw new Error(`never came true: ${condition}`);
  }
}
