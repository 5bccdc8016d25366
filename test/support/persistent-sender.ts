/** A sender as providers are: it repeats every webhook until it is answered 200, whatever happens to the daemon. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fresh, keysOf, post, type Webhook } from './webhooks.ts';

/** Milliseconds between two webhooks of a client, and before a repetition: the daemon needs the processor to come back. */
const PAUSE = 20;
const RETRY_AFTER = 50;

export interface PersistentSender {
  /** Keys of the events whose webhook has been answered 200. */
  readonly acknowledged: ReadonlySet<string>;
  /** Answers other than 200, and broken connections. */
  failures(): number;
  /** Sends the last ones until they are answered too. */
  finish(): Promise<void>;
}

/**
 * @param url asked before every attempt: a daemon that was started again may listen elsewhere
 * @param clients how many send at the same time
 */
export function startPersistentSender(url: () => string, clients: number): PersistentSender {
  const acknowledged = new Set<string>();
  let failures = 0;
  let running = true;
  const deliver = async (webhook: Webhook): Promise<void> => {
    for (;;) {
      const answer = await post(url(), webhook).catch(() => null);
      if (answer?.status === 200) break;
      failures++;
      await sleep(RETRY_AFTER);
    }
    for (const key of keysOf(webhook)) acknowledged.add(key);
  };
  const atWork = Array.from({ length: clients }, async (_, index) => {
    for (; running; await sleep(PAUSE)) await deliver(fresh(index % 2 === 0 ? 'stripe' : 'whatsapp'));
  });
  return {
    acknowledged,
    failures: () => failures,
    async finish() {
      running = false;
      await Promise.all(atWork);
    },
  };
}
