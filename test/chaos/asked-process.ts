/** A process of its own that is asked, and answers each question by one message: both sides. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { atExit } from '../support/at-exit.ts';
import { REPOSITORY } from '../support/installed-package.ts';

interface Question<Order> {
  readonly id: number;
  readonly order: Order;
}

interface Answer {
  readonly id: number;
  readonly answer: unknown;
}

export interface AskedProcess<Order> {
  /** Rejects if the process ends before it has answered. */
  ask<T>(order: Order): Promise<T>;
  /** SIGKILL. Idempotent. */
  kill(): Promise<void>;
}

/** @param name for the error if it ends too early */
export function startAsked<Order extends object>(name: string, script: URL): AskedProcess<Order> {
  const child = fork(fileURLToPath(script), { cwd: REPOSITORY, execArgv: ['--import', 'tsx'] });
  const exited = once(child, 'exit');
  const remembered = atExit(() => child.kill('SIGKILL'));
  const waiting = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>();
  child.on('message', ({ id, answer }: Answer) => {
    waiting.get(id)?.resolve(answer);
    waiting.delete(id);
  });
  child.on('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error(`the ${name} has ended`));
  });
  let last = 0;
  return {
    ask: <T>(order: Order): Promise<T> => {
      const id = ++last;
      const answer = new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
      child.send({ id, order });
      return answer as Promise<T>;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
      remembered();
    },
  };
}

/** In the process itself. It ends with whoever started it. */
export function answerOrders<Order>(obey: (order: Order) => Promise<unknown>): void {
  process.on('message', async ({ id, order }: Question<Order>) => {
    process.send?.({ id, answer: await obey(order) });
  });
  process.on('disconnect', () => process.exit(0));
}
