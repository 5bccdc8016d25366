/** The receiver as the measurements use it. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Received, ReceiverOrder } from './receiver-process.ts';

const SCRIPT = fileURLToPath(new URL('receiver-process.ts', import.meta.url));

type Answer =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'ready' | 'arrived' }
  | { readonly kind: 'told'; readonly received: Received };

export class Receiver {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.url = `http://127.0.0.1:${port}/hook`;
  }

  static async start(): Promise<Receiver> {
    const child = fork(SCRIPT, { execArgv: ['--import', 'tsx'] });
    const { port } = await answerOf(child, 'listening');
    return new Receiver(child, port);
  }

  /** @returns with a promise that so many have come */
  async expect(requests = Number.MAX_SAFE_INTEGER): Promise<{ readonly arrived: Promise<unknown> }> {
    const ready = answerOf(this.#child, 'ready');
    this.#ask({ kind: 'expect', requests });
    await ready;
    return { arrived: answerOf(this.#child, 'arrived') };
  }

  /** What has come since `expect`. */
  async received(): Promise<Received> {
    const told = answerOf(this.#child, 'told');
    this.#ask({ kind: 'tell' });
    return (await told).received;
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }

  #ask(order: ReceiverOrder): void {
    this.#child.send(order);
  }
}

async function answerOf<Kind extends Answer['kind']>(
  child: ChildProcess,
  kind: Kind,
): Promise<Extract<Answer, { readonly kind: Kind }>> {
  for (;;) {
    const [answer] = (await once(child, 'message')) as [Answer];
    if (answer.kind === kind) return answer as Extract<Answer, { readonly kind: Kind }>;
  }
}
