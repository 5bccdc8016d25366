/** The commands as operators run them: processes of the built `dist/cli`, with an environment of their own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { atExit } from './at-exit.ts';
import { bareEnvironment, DAEMON_SCRIPT, openTempDirectory } from './daemon.ts';

export interface CommandResult {
  /** Exit code; null after a signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly args?: readonly string[];
  /** The whole environment, but for PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: an empty directory, so that no `.env` of a developer is read. */
  readonly cwd?: string;
  /** Of `installForEverybody`: run from there, as this user. Only root can. */
  readonly as?: { readonly uid: number; readonly root: string };
}

/** Milliseconds after which a command is killed, and its test fails. */
const TIME_LIMIT = 30_000;

/** Runs `webhook-gateway` (`gateway`), `npm run send`, `doctor`, `migrate`, `rebuild`, `erase` or `rotate-keys`, or a daemon that is expected to end by itself, and waits for its end. */
export function runCommand(
  name: 'gateway' | 'send' | 'doctor' | 'migrate' | 'rebuild' | 'erase' | 'rotate-keys' | 'daemon',
  options: CommandOptions = {},
): Promise<CommandResult> {
  const dist = options.as === undefined ? dirname(DAEMON_SCRIPT) : join(options.as.root, 'dist');
  const script = join(dist, name === 'daemon' ? 'main.js' : `cli/${name}.js`);
  return runNode([script, ...(options.args ?? [])], options);
}

/** Runs Node with these arguments as `runCommand` does. */
export async function runNode(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const home = openTempDirectory('gateway-command-');
  try {
    const child = spawn(process.execPath, args, {
      cwd: options.cwd ?? home,
      env: bareEnvironment({ DATA_DIR: 'data', ...options.env }),
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TIME_LIMIT,
      killSignal: 'SIGKILL',
      ...(options.as === undefined ? {} : { uid: options.as.uid, gid: options.as.uid }),
    });
    child.once(
      'exit',
      atExit(() => child.kill('SIGKILL')),
    );
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    return { code: child.exitCode, stdout, stderr };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
