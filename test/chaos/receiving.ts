/** A receiver of deliveries, from the side of a test. It answers everything 200. */
import { startAsked } from './asked-process.ts';
import type { Receipt, ReceivingOrder } from './receiving-process.ts';

export interface ReceivingOptions {
  /** Each answer comes after a random number of milliseconds up to that. Default: at once. */
  readonly answerWithinMs?: number;
}

export interface Receiving {
  /** Without a path. */
  readonly url: string;
  /** Requests read so far. */
  count(): Promise<number>;
  /** In the order in which they had been read. */
  receipts(): Promise<readonly Receipt[]>;
  /** Cuts what is open; until `startAgain`, connections to the port are refused. */
  stop(): Promise<void>;
  startAgain(): Promise<void>;
  /** Idempotent. */
  kill(): Promise<void>;
}

export async function startReceiving({ answerWithinMs = 0 }: ReceivingOptions = {}): Promise<Receiving> {
  const { ask, kill } = startAsked<ReceivingOrder>('receiver', new URL('receiving-process.ts', import.meta.url));
  const start = () => ask<number>({ kind: 'start', answerWithinMs });
  const port = await start();
  return {
    url: `http://127.0.0.1:${port}`,
    count: () => ask({ kind: 'count' }),
    receipts: () => ask({ kind: 'receipts' }),
    stop: () => ask({ kind: 'stop' }),
    async startAgain() {
      await start();
    },
    kill,
  };
}
