/** From the stream to the developer's program, and back to the gateway: every event until it is dealt with. */
import { followStream, type StreamedEvent } from '../follow-stream.ts';
import type { Session } from '../session.ts';
import { Acknowledger } from './acknowledger.ts';
import { type ForwardOptions, forward, type Outcome } from './forward.ts';

/** Positions that are remembered, so that what is sent again after a cut is not forwarded again. */
const REMEMBERED = 10_000;

export interface ListeningOptions extends Omit<ForwardOptions, 'signal'>, Pick<Session, 'api'> {
  readonly followerId: string;
  /** Events forwarded at a time. With 1 they are forwarded in their order. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
  readonly onNotice: (sentence: string) => void;
  readonly onForward: (event: StreamedEvent) => void;
  readonly onOutcome: (event: StreamedEvent, outcome: Outcome) => void;
}

/** Until the signal is aborted: what is under way by then is finished. @throws ApiError, StartupError: it cannot go on */
export async function listen(options: ListeningOptions): Promise<void> {
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const acknowledger = new Acknowledger(options.api, options.followerId, (error) => failed.abort(error));
  const events = new EventQueue(options.concurrency, async (event) => {
    options.onForward(event);
    const outcome = await forward(event, { ...options, signal });
    if (outcome === null) return false;
    options.onOutcome(event, outcome);
    acknowledger.add(event.position);
    return true;
  });
  try {
    const query = { follower: options.followerId };
    for await (const event of followStream({ api: options.api, query, signal, onNotice: options.onNotice })) {
      // It was on its way when the connection was cut, and so was the acknowledgement, perhaps.
      if (events.isDone(event.position)) acknowledger.add(event.position);
      else events.add(event);
    }
  } catch (error) {
    failed.abort(error);
  }
  await events.close();
  await acknowledger.close();
  if (failed.signal.aborted) throw failed.signal.reason;
}

/** Those that wait are at most as many as the gateway sends without an acknowledgement. */
class EventQueue {
  readonly #concurrency: number;
  readonly #handle: (event: StreamedEvent) => Promise<boolean>;
  readonly #waiting: StreamedEvent[] = [];
  readonly #present = new Set<number>();
  readonly #done = new Set<number>();
  readonly #workers = new Set<Promise<void>>();

  /** @param handle resolves to whether the event is done with */
  constructor(concurrency: number, handle: (event: StreamedEvent) => Promise<boolean>) {
    this.#concurrency = concurrency;
    this.#handle = handle;
  }

  isDone(position: number): boolean {
    return this.#done.has(position);
  }

  /** Does nothing with one that is there already. */
  add(event: StreamedEvent): void {
    if (this.#present.has(event.position)) return;
    this.#present.add(event.position);
    this.#waiting.push(event);
    if (this.#workers.size >= this.#concurrency) return;
    const worker = this.#work().finally(() => this.#workers.delete(worker));
    this.#workers.add(worker);
  }

  /** Begins with no other. */
  async close(): Promise<void> {
    this.#waiting.splice(0);
    await Promise.all(this.#workers);
  }

  async #work(): Promise<void> {
    for (let event = this.#waiting.shift(); event !== undefined; event = this.#waiting.shift()) {
      const isDone = await this.#handle(event);
      this.#present.delete(event.position);
      if (isDone) this.#remember(event.position);
    }
  }

  #remember(position: number): void {
    this.#done.add(position);
    if (this.#done.size <= REMEMBERED) return;
    const [oldest] = this.#done;
    if (oldest !== undefined) this.#done.delete(oldest);
  }
}
