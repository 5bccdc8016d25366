/** `webhook-gateway` as it is run against a gateway of the suite. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { runProgram } from '../../src/cli/api/program.ts';
import { ADMIN_KEY } from './api.ts';
import { atExit } from './at-exit.ts';
import type { CommandResult } from './command.ts';
import { bareEnvironment, DAEMON_SCRIPT } from './daemon.ts';

export const GATEWAY_SCRIPT = join(DAEMON_SCRIPT, '../cli/gateway.js');

/** What tells the command which gateway is meant. @param apiUrl as the gateway says it */
export function commandEnvironment(apiUrl: string): Record<string, string> {
  return { WEBHOOK_GATEWAY_URL: apiUrl, WEBHOOK_GATEWAY_KEY: ADMIN_KEY };
}

export interface GatewayCommandOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Is its standard output a terminal? Default: no. */
  readonly terminal?: boolean;
  /** Ends what goes on until Ctrl-C. */
  readonly signal?: AbortSignal;
  /** Called with everything on standard error as it comes. */
  readonly onNote?: (text: string) => void;
}

/** Runs it to its end, in this process: a process for each of many commands takes its time. */
export async function runGatewayCommand(
  args: readonly string[],
  { environment = {}, terminal = false, signal, onNote }: GatewayCommandOptions = {},
): Promise<CommandResult> {
  const printed: Record<'stdout' | 'stderr', Uint8Array[]> = { stdout: [], stderr: [] };
  const stream = (name: 'stdout' | 'stderr') => ({
    isTTY: terminal,
    columns: 100,
    write(content: string | Uint8Array) {
      printed[name].push(Buffer.from(content));
      if (name === 'stderr') onNote?.(String(content));
    },
  });
  const code = await runProgram({
    args,
    environment: () => environment,
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    stopSignal: () => signal ?? new AbortController().signal,
  });
  const text = (name: 'stdout' | 'stderr') => Buffer.concat(printed[name]).toString();
  return { code, stdout: text('stdout'), stderr: text('stderr') };
}

/** One that goes on until it is stopped. */
export interface RunningCommand {
  /** Everything so far. */
  stdout(): string;
  stderr(): string;
  /** Whole lines of standard output. */
  lines(): string[];
  /** Sends the signal (default SIGINT) and resolves to the exit code, null after SIGKILL. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  readonly exited: Promise<number | null>;
}

/** As a process of the built `dist/cli`. */
export function startGatewayCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): RunningCommand {
  const child = spawn(process.execPath, [GATEWAY_SCRIPT, ...args], {
    env: bareEnvironment(environment),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.once(
    'exit',
    atExit(() => child.kill('SIGKILL')),
  );
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      printed[name] += text;
    });
  }
  const exited = once(child, 'close').then(() => child.exitCode);
  return {
    stdout: () => printed.stdout,
    stderr: () => printed.stderr,
    lines: () => printed.stdout.split('\n').slice(0, -1),
    exited,
    stop(signal = 'SIGINT') {
      child.kill(signal);
      return exited;
    },
  };
}
