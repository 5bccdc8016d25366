/** The load generator as the measurements use it: start it, have it prepare requests, run them against a port. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Order, RunResult } from './generator.ts';
import type { Bodies } from './requests.ts';

const SCRIPT = fileURLToPath(new URL('generator.ts', import.meta.url));

export type RunOptions = Omit<Extract<Order, { kind: 'run' }>, 'kind'>;

export class Load {
  readonly #child: ChildProcess = fork(SCRIPT, { execArgv: ['--import', 'tsx'] });

  /** Makes and signs the requests of the next runs. Signatures of Stripe's kind hold for five minutes. */
  async prepare(bodies: Bodies): Promise<void> {
    await this.#ask({ kind: 'prepare', bodies });
  }

  async run(options: RunOptions): Promise<RunResult> {
    return (await this.#ask({ kind: 'run', ...options })) as RunResult;
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }

  async #ask(order: Order): Promise<unknown> {
    this.#child.send(order);
    const [answer] = (await once(this.#child, 'message')) as [{ error?: string }];
    if (answer.error !== undefined) throw new Error(`the load generator failed: ${answer.error}`);
    return answer;
  }
}
