/** Starts processes that run spool-process.ts, and cluster-process.ts. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { SpoolCounts } from '../../../../src/core/spool.ts';
import { atExit } from '../../../support/at-exit.ts';

export interface SpoolReport {
  readonly ids: readonly string[];
  readonly counts: SpoolCounts;
}

export interface SpoolProcess {
  readonly child: ChildProcess;
  /** The next line that it prints; undefined at its end. */
  next(): Promise<SpoolReport | undefined>;
  /** Sends a line, and resolves to the answer. */
  ask(line: 'counts' | 'drain'): Promise<SpoolReport>;
  send(line: string): void;
  /** Lets it close its spool and end. */
  stop(): Promise<void>;
  /** With SIGKILL. */
  kill(): Promise<void>;
}

export function startProcess(directory: string, count: number, scanMs = 3_600_000): SpoolProcess {
  const { child, lines, exited } = start('spool-process.ts', [directory, String(count), String(scanMs)]);
  const next = async (): Promise<SpoolReport | undefined> => {
    const { done, value } = await lines.next();
    return done ? undefined : JSON.parse(value);
  };
  return {
    child,
    next,
    ask: async (line) => {
      child.stdin?.write(`${line}\n`);
      const report = await next();
      if (report === undefined) throw new Error('the process ended without an answer');
      return report;
    },
    send: (line) => void child.stdin?.write(`${line}\n`),
    stop: async () => {
      child.stdin?.end();
      await exited;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** A test's own script in a process of its own, which does not outlive the test's. */
export function start(script: string, args: readonly string[]) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', path, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const done = atExit(() => void child.kill('SIGKILL'));
  const exited = once(child, 'exit').then(done);
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator](), exited };
}
