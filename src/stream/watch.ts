/** When there may be something to stream: one look at PostgreSQL for all streams of the process, and none while there are none. */
import { EventEmitter, once } from 'node:events';
import type { DispatchSignals } from '../core/dispatch.ts';
import type { Position, PositionReader } from '../core/follower.ts';
import { Loop } from '../workers/loop.ts';

/** Milliseconds between two looks if nobody calls; and at least, whoever calls. */
const POLL_MS = 1_000;
const REST_MS = 10;

export interface WatchOptions {
  readonly reader: Pick<PositionReader, 'last'>;
  readonly signals: Pick<DispatchSignals, 'listen'>;
}

export class PositionWatch {
  readonly #options: WatchOptions;
  readonly #emitter = new EventEmitter().setMaxListeners(0);
  #streams = 0;
  #running: { readonly loop: Loop; readonly listening: { close(): Promise<void> } } | null = null;
  #closing: Promise<unknown> = Promise.resolve();
  #last: Position = 0;
  #looks = 0;
  #restores = 0;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** The last position as of the last look. */
  get last(): Position {
    return this.#last;
  }

  /** How often there has been a look. */
  get looks(): number {
    return this.#looks;
  }

  /** How often positions were found to have gone back: a backup has been restored, and they will mean other events. */
  get restores(): number {
    return this.#restores;
  }

  /** A stream begins. Every `join` needs its `leave`. @param last position that was found to have been given just now */
  join(last: Position): void {
    this.#last = this.#streams === 0 ? last : Math.max(this.#last, last);
    this.#streams++;
    this.#running ??= this.#run();
  }

  leave(): void {
    this.#streams--;
    if (this.#streams > 0 || this.#running === null) return;
    const { loop, listening } = this.#running;
    this.#running = null;
    this.#closing = Promise.all([this.#closing, loop.close(), listening.close()]);
  }

  /** Resolves when there have been more looks than that, or the signal aborts. Never rejects. */
  async lookedAgain(looks: number, signal: AbortSignal): Promise<void> {
    if (this.#looks > looks || signal.aborted) return;
    await once(this.#emitter, 'look', { signal }).catch(() => undefined);
  }

  /** Resolves when nothing of streams that have left is under way. */
  async idle(): Promise<void> {
    await this.#closing;
  }

  #run() {
    const loop = new Loop({
      turn: async () => {
        await this.#look();
        return { restMs: REST_MS, waitMs: POLL_MS };
      },
      // Whether PostgreSQL is there, others tell.
      onFailure: () => undefined,
      onRecovery: () => undefined,
    });
    const listening = this.#options.signals.listen(() => loop.wake());
    loop.start();
    return { loop, listening };
  }

  async #look(): Promise<void> {
    const before = this.#last;
    const last = await this.#options.reader.last();
    if (last < before) this.#restores++;
    this.#last = last < before ? last : Math.max(this.#last, last);
    this.#looks++;
    this.#emitter.emit('look');
  }
}
