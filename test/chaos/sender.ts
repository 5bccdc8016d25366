/** The steady sender, from the side of a test. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { atExit } from '../support/at-exit.ts';
import { REPOSITORY } from '../support/installed-package.ts';
import type { SenderResult, SteadySenderOptions } from '../support/steady-sender.ts';
import type { SenderOrder } from './sender-process.ts';

const SCRIPT = fileURLToPath(new URL('sender-process.ts', import.meta.url));

export interface Sender {
  /** What is due from now on counts for this phase; the first is `before`. */
  enter(phase: string): Promise<void>;
  /** Attempts so far by their outcome: `200 stored`, `503`, `fault`. */
  counts(): Promise<Readonly<Record<string, number>>>;
  /** Nothing fresh any more; resolves when every webhook has been answered 200. */
  finish(): Promise<SenderResult>;
  /** Idempotent. */
  kill(): Promise<void>;
}

export async function startSender(options: SteadySenderOptions): Promise<Sender> {
  const child = fork(SCRIPT, { cwd: REPOSITORY, execArgv: ['--import', 'tsx'] });
  const exited = once(child, 'exit');
  const remembered = atExit(() => child.kill('SIGKILL'));
  const waiting = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>();
  child.on('message', ({ id, answer }: { id: number; answer: unknown }) => {
    waiting.get(id)?.resolve(answer);
    waiting.delete(id);
  });
  child.on('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error('the sender has ended'));
  });
  let last = 0;
  const ask = <T>(order: SenderOrder): Promise<T> => {
    const id = ++last;
    const answer = new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
    child.send({ id, order });
    return answer as Promise<T>;
  };
  await ask({ kind: 'start', ...options });
  return {
    enter: (phase) => ask({ kind: 'enter', phase }),
    counts: () => ask({ kind: 'counts' }),
    finish: () => ask({ kind: 'finish' }),
    async kill() {
      child.kill('SIGKILL');
      await exited;
      remembered();
    },
  };
}
