/** Starts and stops a PostgreSQL server on a cluster with pg_ctl. */
import { open, readFile, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { runServerProgram } from './run-server-program.ts';
import { type ClusterFiles, disarmStalePostmasterFile, findRunningServer } from './running-server.ts';
import type { ServerBinaries } from './server-binaries.ts';

export interface ServerCluster extends ClusterFiles {
  readonly binaries: ServerBinaries;
}

export interface StartOptions {
  readonly port: number;
  /** Appended to. Opened by us, so the account need not be able to write there. */
  readonly logFile: string;
  /** Given on the command line, so that they beat postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
}

export type StartResult =
  | { readonly outcome: 'ready' }
  /** Another process listens on the port. */
  | { readonly outcome: 'port_taken' }
  /** Backends of a server that was killed have not noticed its death yet. */
  | { readonly outcome: 'backends_remain' }
  /** It lives but does not answer yet: a long recovery after a crash. */
  | { readonly outcome: 'recovering' }
  | { readonly outcome: 'failed'; readonly reason: string };

const START_TIMEOUT_SECONDS = 60;
const BACKENDS_EXIT_MS = 10_000;

/** TCP on 127.0.0.1 only, no socket file: nothing depends on /tmp, and nobody outside the machine can connect. */
const REACHABILITY = { listen_addresses: '127.0.0.1', unix_socket_directories: '' };

/**
 * Starts the server and waits until it takes connections. The server detaches: it outlives us unless it is stopped.
 * Only for a cluster on which none runs.
 */
export async function startServer(cluster: ServerCluster, options: StartOptions): Promise<StartResult> {
  await disarmStalePostmasterFile(cluster);
  const deadline = Date.now() + BACKENDS_EXIT_MS;
  for (;;) {
    const result = await tryStart(cluster, options);
    if (result.outcome !== 'backends_remain' || Date.now() > deadline) return result;
    await sleep(100);
  }
}

async function tryStart(cluster: ServerCluster, { port, logFile, settings }: StartOptions): Promise<StartResult> {
  const serverOptions = Object.entries({ ...settings, ...REACHABILITY, port: String(port) })
    .map(([name, value]) => `-c ${quoteForShell(`${name}=${value}`)}`)
    .join(' ');
  const logStart = await stat(logFile).then(
    ({ size }) => size,
    () => 0,
  );
  // Append mode: the file may be emptied under the server's hands without leaving a hole.
  const log = await open(logFile, 'a', 0o600);
  try {
    const { exitCode } = await runServerProgram(
      cluster.binaries.pgCtl,
      ['start', '-w', '-s', '-t', String(START_TIMEOUT_SECONDS), '-o', serverOptions],
      { ...cluster, timeoutMs: (START_TIMEOUT_SECONDS + 10) * 1000, outputTo: log.fd },
    );
    if (exitCode === 0) return { outcome: 'ready' };
  } finally {
    await log.close();
  }
  const said = (await readFile(logFile)).subarray(logStart).toString();
  if (/could not create any TCP\/IP sockets/.test(said)) return { outcome: 'port_taken' };
  if (/pre-existing shared memory block/.test(said)) return { outcome: 'backends_remain' };
  const reason = said.split('\n').filter((line) => /FATAL|PANIC|HINT|pg_ctl:/.test(line));
  if (/server did not start in time/.test(said)) return { outcome: 'recovering' };
  return { outcome: 'failed', reason: reason.join(' ') || said.trim().slice(-500) };
}

/** pg_ctl hands the options to a shell (cmd.exe on Windows, which knows no single quotes). */
function quoteForShell(text: string): string {
  if (/^[\w.=:,/-]*$/.test(text)) return text;
  return process.platform === 'win32' ? `"${text}"` : `'${text.replaceAll("'", `'\\''`)}'`;
}

export interface StopLimits {
  /** Seconds for a clean stop: sessions are ended, a checkpoint is written. */
  readonly fastSeconds: number;
  /** Seconds after that for a stop without a checkpoint; nothing committed is lost, the next start replays the WAL. */
  readonly immediateSeconds: number;
}

/** Stops the server if one runs. Returns false if it still runs when all limits have passed. */
export async function stopServer(cluster: ServerCluster, limits: StopLimits): Promise<boolean> {
  const isGone = async (): Promise<boolean> => (await findRunningServer(cluster)) === undefined;
  const stop = async (mode: string, seconds: number): Promise<boolean> => {
    if (seconds === 0 || (await isGone())) return isGone();
    const { exitCode } = await runServerProgram(
      cluster.binaries.pgCtl,
      ['stop', '-w', '-s', '-t', String(seconds), '-m', mode],
      { ...cluster, timeoutMs: (seconds + 5) * 1000 },
    );
    return exitCode === 0 || (await isGone());
  };
  return (await stop('fast', limits.fastSeconds)) || (await stop('immediate', limits.immediateSeconds));
}
