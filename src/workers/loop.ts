/** A worker's loop: turn after turn for as long as the process lives, whatever its turns throw. */
import { setTimeout as sleep } from 'node:timers/promises';
import { within } from './within.ts';

/** Milliseconds after the first failure in a row, and the most. */
const FIRST_BACKOFF = 100;
const MAX_BACKOFF = 5_000;
/** Milliseconds for which a stop waits for the turn under way. */
const STOP_WAIT = 1_000;

/** When the next turn comes, counted from the end of the last. */
export interface Pause {
  /** Milliseconds at least, whoever wakes the loop. */
  readonly restMs: number;
  /** Milliseconds at most. */
  readonly waitMs: number;
}

export interface LoopOptions {
  readonly turn: () => Promise<Pause>;
  /** @param failures in a row, this one included */
  readonly onFailure: (error: unknown, failures: number) => void;
  /** A turn went well after others had failed. */
  readonly onRecovery: () => void;
}

export class Loop {
  readonly #options: LoopOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #woken = false;
  #failures = 0;
  /** Ends the present wait; absent while a turn is under way, and during a rest. */
  #wait: AbortController | undefined;

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** There is something to do. Ends no backoff: what fails is not to be tried at the pace at which events arrive. */
  wake(): void {
    this.#woken = true;
    this.#wait?.abort();
  }

  /** Begins no further turn, and resolves when the present one has ended, or has had a second for it. Idempotent. */
  async close(): Promise<void> {
    this.#stop.abort();
    await within(STOP_WAIT, this.#running);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#woken = false;
      const { restMs, waitMs } = await this.#turn();
      await this.#sleep(restMs);
      await this.#untilWoken(waitMs - restMs);
    }
  }

  /** Never rejects. */
  async #turn(): Promise<Pause> {
    const { turn, onFailure, onRecovery } = this.#options;
    try {
      const pause = await turn();
      if (this.#failures > 0) onRecovery();
      this.#failures = 0;
      return pause;
    } catch (error) {
      this.#failures++;
      if (!this.#stop.signal.aborted) onFailure(error, this.#failures);
      const backoff = Math.min(MAX_BACKOFF, FIRST_BACKOFF * 2 ** Math.min(10, this.#failures - 1));
      return { restMs: backoff, waitMs: backoff };
    }
  }

  async #untilWoken(milliseconds: number): Promise<void> {
    if (this.#woken) return;
    this.#wait = new AbortController();
    await this.#sleep(milliseconds, this.#wait.signal);
    this.#wait = undefined;
  }

  async #sleep(milliseconds: number, also?: AbortSignal): Promise<void> {
    if (milliseconds <= 0) return;
    const { signal } = this.#stop;
    const either = also === undefined ? signal : AbortSignal.any([signal, also]);
    await sleep(milliseconds, undefined, { signal: either }).catch(() => undefined);
  }
}
