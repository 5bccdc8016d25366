/** Runs one of PostgreSQL's programs to its end, as the right user and with an environment that nothing leaks into. */
import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import type { ServerAccount } from './server-account.ts';

export interface ServerProgramOptions {
  readonly account: ServerAccount | null;
  /** After so many milliseconds the program is killed. */
  readonly timeoutMs: number;
  /** PGDATA. In the environment, because `pg_ctl` would put a path given by `-D` into a shell's command line. */
  readonly clusterDirectory?: string;
  readonly input?: string;
  /** A file descriptor for output, instead of collecting it: needed when a server that lives on inherits it. */
  readonly outputTo?: number;
}

export interface ServerProgramResult {
  /** null: it could not be started, or was killed. */
  readonly exitCode: number | null;
  /** What it printed, both streams, the last 16 KiB; or why it could not be started. */
  readonly output: string;
}

const OUTPUT_LIMIT = 16_384;

/** Never rejects: the caller knows best what a failure means. */
export function runServerProgram(
  program: string,
  args: readonly string[],
  options: ServerProgramOptions,
): Promise<ServerProgramResult> {
  const { account, clusterDirectory, input, outputTo } = options;
  const onWindows = process.platform === 'win32';
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      // Our own working directory may be closed to the account. Node drops the supplementary groups with the uid.
      cwd: onWindows ? dirname(program) : '/',
      ...(account ? { uid: account.uid, gid: account.gid } : {}),
      // No PG*, LD_* or locale variable of the daemon's own. Windows adds the few it needs by itself.
      env: { PATH: '/usr/bin:/bin', LANG: 'C', LC_ALL: 'C', ...(clusterDirectory ? { PGDATA: clusterDirectory } : {}) },
      stdio: [input === undefined ? 'ignore' : 'pipe', outputTo ?? 'pipe', outputTo ?? 'pipe'],
      // A process group of its own: Ctrl-C in the daemon's terminal must not cut short a start or a stop.
      detached: !onWindows,
      windowsHide: true,
    });
    let output = '';
    const collect = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-OUTPUT_LIMIT);
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.stdin?.on('error', () => {}).end(input);
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs);
    const finish = (exitCode: number | null): void => {
      clearTimeout(timer);
      resolve({ exitCode, output: output.trim() });
    };
    child.on('error', (error) => {
      output = error.message;
      finish(null);
    });
    child.on('close', finish);
  });
}
