/** Tells the gateway which events have been dealt with: at once, one call at a time, each with all that there are. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiClient, ApiError } from '../api-client.ts';

/** The most of one call. */
const AT_A_TIME = 1_000;
const PAUSE_MS = 500;

export class Acknowledger {
  readonly #api: ApiClient;
  readonly #path: string;
  readonly #onFailed: (error: Error) => void;
  readonly #waiting = new Set<number>();
  #closing = false;
  #sending: Promise<void> | null = null;

  /** @param onFailed the gateway refuses for good */
  constructor(api: ApiClient, followerId: string, onFailed: (error: Error) => void) {
    this.#api = api;
    this.#path = `/followers/${followerId}/acks`;
    this.#onFailed = onFailed;
  }

  add(position: number): void {
    this.#waiting.add(position);
    this.#sending ??= this.#send().finally(() => {
      this.#sending = null;
    });
  }

  /** Gives those that wait one more chance. What the gateway is not told it sends again. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#sending;
  }

  async #send(): Promise<void> {
    // What is added meanwhile goes with the next call.
    await Promise.resolve();
    while (this.#waiting.size > 0) {
      const positions = [...this.#waiting].slice(0, AT_A_TIME);
      try {
        await this.#api.bytes('POST', this.#path, { body: { positions } });
        for (const position of positions) this.#waiting.delete(position);
      } catch (error) {
        if (!(error instanceof ApiError) || !error.passing) {
          this.#waiting.clear();
          this.#onFailed(error as Error);
          return;
        }
        if (this.#closing) return;
        await sleep(PAUSE_MS);
      }
    }
  }
}
