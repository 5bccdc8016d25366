/** The steady sender, from the side of a test. */
import type { SenderResult, SteadySenderOptions } from '../support/steady-sender.ts';
import { startAsked } from './asked-process.ts';
import type { SenderOrder } from './sender-process.ts';

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
  const { ask, kill } = startAsked<SenderOrder>('sender', new URL('sender-process.ts', import.meta.url));
  await ask({ kind: 'start', ...options });
  return {
    enter: (phase) => ask({ kind: 'enter', phase }),
    counts: () => ask({ kind: 'counts' }),
    finish: () => ask({ kind: 'finish' }),
    kill,
  };
}
