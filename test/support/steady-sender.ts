/**
 * A sender as providers are, at a steady rate: a fresh webhook is due every so often whether the ones before have been
 * answered or not, each is repeated until it is answered 200, and some are sent once more after that. It remembers what
 * came of every attempt.
 */
import { hash } from 'node:crypto';
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Latency, latencyOf } from './percentiles.ts';
import { postOver } from './post-over.ts';
import { fresh, keysOf, markedUnique, type Webhook } from './webhooks.ts';

export interface SteadySenderOptions {
  /** Base URL of the daemon. */
  readonly url: string;
  /** Fresh webhooks a second. */
  readonly rate: number;
}

/** One webhook and what came of it. */
export interface SentWebhook {
  readonly source: string;
  /** Dedupe keys of its events. */
  readonly keys: readonly string[];
  /** SHA-256 of its bytes, hex. */
  readonly sha256: string;
  /** Of every attempt, in order: `200 stored`, `503`, `connect ECONNREFUSED 127.0.0.1:80`. */
  readonly outcomes: readonly string[];
}

export interface SenderResult {
  readonly webhooks: readonly SentWebhook[];
  /** By the phase in which an attempt was due: milliseconds from then to its answer of 200. */
  readonly latency: Readonly<Record<string, Latency>>;
}

/** Milliseconds from an answer other than 200 to the next attempt. */
const RETRY_AFTER = 200;
/** One webhook in so many is sent again although it has been answered 200, at most so many milliseconds later. */
const REPEATED = 10;
const REPEAT_WITHIN = 1_000;
/** One in so many travels over a connection of its own, the others over kept ones. */
const ONE_SHOT = 5;
/** Milliseconds between two looks at what is due. */
const TICK = 5;

interface Sent {
  readonly webhook: Webhook;
  readonly agent: Agent | false;
  readonly outcomes: string[];
}

export class SteadySender {
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #sent: Sent[] = [];
  readonly #underWay = new Set<Promise<void>>();
  readonly #counts: Record<string, number> = {};
  readonly #latencies = new Map<string, number[]>();
  readonly #timer: NodeJS.Timeout;
  #phase = 'before';

  constructor({ url, rate }: SteadySenderOptions) {
    this.#url = url;
    const startedAt = performance.now();
    this.#timer = setInterval(() => {
      for (;;) {
        const dueAt = startedAt + (this.#sent.length * 1000) / rate;
        if (dueAt > performance.now()) return;
        this.#send(dueAt);
      }
    }, TICK);
  }

  /** What is due from now on counts for this phase. */
  enter(phase: string): void {
    this.#phase = phase;
  }

  /** Attempts so far by their outcome; connection faults are counted as `fault`. */
  counts(): Readonly<Record<string, number>> {
    return this.#counts;
  }

  /** Nothing fresh any more; resolves when every webhook has been answered 200. */
  async finish(): Promise<SenderResult> {
    clearInterval(this.#timer);
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    this.#agent.destroy();
    return {
      webhooks: this.#sent.map(({ webhook, outcomes }) => ({
        source: webhook.provider,
        keys: keysOf(webhook),
        sha256: hash('sha256', webhook.body),
        outcomes,
      })),
      latency: Object.fromEntries([...this.#latencies].map(([phase, values]) => [phase, latencyOf(values)])),
    };
  }

  #send(dueAt: number): void {
    const index = this.#sent.length;
    const webhook = fresh(index % 2 === 0 ? 'stripe' : 'whatsapp', undefined, markedUnique());
    const sent: Sent = { webhook, agent: index % ONE_SHOT === 0 ? false : this.#agent, outcomes: [] };
    this.#sent.push(sent);
    const done = this.#deliver(sent, dueAt, index % REPEATED === 1).finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
  }

  async #deliver(sent: Sent, dueAt: number, twice: boolean): Promise<void> {
    await this.#untilAccepted(sent, dueAt);
    if (!twice) return;
    await sleep(Math.random() * REPEAT_WITHIN);
    await this.#untilAccepted(sent, performance.now());
  }

  async #untilAccepted(sent: Sent, dueAt: number): Promise<void> {
    for (let due = dueAt; !(await this.#attempt(sent, due)); due = performance.now()) await sleep(RETRY_AFTER);
  }

  async #attempt({ webhook, agent, outcomes }: Sent, dueAt: number): Promise<boolean> {
    const phase = this.#phase;
    const answer = await postOver(this.#url, webhook, agent);
    const outcome = typeof answer === 'string' ? answer : describe(answer.status, answer.headers);
    outcomes.push(outcome);
    const counted = typeof answer === 'string' ? 'fault' : outcome;
    this.#counts[counted] = (this.#counts[counted] ?? 0) + 1;
    if (typeof answer === 'string' || answer.status !== 200) return false;
    const latencies = this.#latencies.get(phase) ?? [];
    this.#latencies.set(phase, latencies);
    latencies.push(performance.now() - dueAt);
    return true;
  }
}

function describe(status: number, headers: Readonly<Record<string, unknown>>): string {
  if (status === 200) return `200 ${headers['x-webhook-accepted'] ?? 'without x-webhook-accepted'}`;
  return status === 503 && headers['retry-after'] === undefined ? '503 without Retry-After' : String(status);
}
