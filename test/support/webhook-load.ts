/** A steady stream of fresh signed webhooks from several clients at once, until it is told to stop. */
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { postOver } from './post-over.ts';
import { fresh, keysOf } from './webhooks.ts';

/** Milliseconds between two webhooks of a client. Without, the load would take the processor that a reload needs. */
const PAUSE = 50;

export interface WebhookLoad {
  /** Webhooks answered 200 so far. */
  accepted(): number;
  /** Waits for the last answers, and tells what came of all. */
  stop(): Promise<LoadResult>;
}

export interface LoadResult {
  /** Keys of the events that were answered 200, by how the request travelled. */
  readonly keptAlive: readonly string[];
  readonly oneShot: readonly string[];
  /** Every answer that was no 200, and every broken connection. */
  readonly failures: readonly string[];
}

/** @param clients how many keep their connection, and how many open one for every request */
export function startWebhookLoad(url: string, clients: { keepAlive: number; oneShot: number }): WebhookLoad {
  const agent = new Agent({ keepAlive: true, maxSockets: clients.keepAlive });
  const result = { keptAlive: [] as string[], oneShot: [] as string[], failures: [] as string[] };
  let running = true;
  const client = async (connections: Agent | false, keys: string[]): Promise<void> => {
    for (let index = 0; running; index += 1) {
      const webhook = fresh(index % 2 === 0 ? 'stripe' : 'whatsapp');
      const outcome = await postOver(url, webhook, connections);
      if (typeof outcome !== 'string' && outcome.status === 200) keys.push(...keysOf(webhook));
      else result.failures.push(typeof outcome === 'string' ? outcome : String(outcome.status));
      await sleep(PAUSE);
    }
  };
  const clientsAtWork = [
    ...Array.from({ length: clients.keepAlive }, () => client(agent, result.keptAlive)),
    ...Array.from({ length: clients.oneShot }, () => client(false, result.oneShot)),
  ];
  return {
    accepted: () => result.keptAlive.length + result.oneShot.length,
    async stop() {
      running = false;
      await Promise.all(clientsAtWork);
      agent.destroy();
      return result;
    },
  };
}
