/**
 * Group commit: what arrives while the disk works is written together by the next write and the next sync. One group at a
 * time, in the order of arrival.
 */
import { SpoolError } from '../../../core/errors.ts';
import type { EncodedRecord } from './record.ts';
import { toSpoolError } from './spool-fault.ts';

/** Bytes of a group. A record that is larger goes alone. */
const GROUP_BYTES = 8 * 1024 * 1024;

export interface GroupCommitOptions {
  /** Resolves when the records are durable. Called with one group at a time. */
  readonly write: (records: readonly EncodedRecord[]) => Promise<void>;
  /** Milliseconds after which an append gives up a disk that hangs. */
  readonly hangMs: number;
  /** The disk hangs: its oldest append was given up. */
  readonly onHang: (error: SpoolError) => void;
}

interface Waiting {
  readonly record: EncodedRecord;
  readonly deadline: number;
  readonly resolve: () => void;
  readonly reject: (error: SpoolError) => void;
  answered: boolean;
}

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #queue: Waiting[] = [];
  #flight: Waiting[] = [];
  readonly #between: (() => Promise<void>)[] = [];
  #bytes = 0;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Set while what is under way is overdue: who comes now need not wait to learn it. */
  #hanging: SpoolError | undefined;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** Bytes of the records that are queued or being written. */
  get bytes(): number {
    return this.#bytes;
  }

  /** True while the disk does not answer. */
  get hanging(): boolean {
    return this.#hanging !== undefined;
  }

  /** @throws SpoolError if the write failed, or did not end in time: then it may still happen */
  append(record: EncodedRecord): Promise<void> {
    if (this.#hanging !== undefined) return Promise.reject(this.#hanging);
    return new Promise((resolve, reject) => {
      const deadline = performance.now() + this.#options.hangMs;
      this.#queue.push({ record, deadline, resolve, reject, answered: false });
      this.#bytes += record.bytes;
      this.#arm(deadline);
      this.#run();
    });
  }

  /** Runs a task while no group is being written. */
  between<T>(task: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#between.push(() => task().then(resolve, reject));
      this.#run();
    });
  }

  /** Resolves when nothing is queued or being written. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  #run(): void {
    this.#running ??= this.#loop();
  }

  async #loop(): Promise<void> {
    do {
      // What arrives in the same turn, or in answer to the last group, goes with this one.
      await new Promise(setImmediate);
      const task = this.#between.shift();
      if (task !== undefined) await task();
      else if (this.#queue.length > 0) await this.#writeGroup();
      this.#hanging = undefined;
    } while (this.#between.length > 0 || this.#queue.length > 0);
    this.#running = undefined;
  }

  async #writeGroup(): Promise<void> {
    this.#flight = this.#takeGroup();
    let failure: SpoolError | undefined;
    try {
      await this.#options.write(this.#flight.map(({ record }) => record));
    } catch (error) {
      failure = toSpoolError(error);
    }
    const flight = this.#flight;
    this.#flight = [];
    for (const waiting of flight) {
      this.#bytes -= waiting.record.bytes;
      answer(waiting, failure);
    }
    if (this.#queue.length === 0) this.#disarm();
  }

  #takeGroup(): Waiting[] {
    let bytes = 0;
    let size = 0;
    for (const { record } of this.#queue) {
      bytes += record.bytes;
      if (size > 0 && bytes > GROUP_BYTES) break;
      size++;
    }
    return this.#queue.splice(0, size);
  }

  /** One timer, set for the first deadline and when it rings for the next. */
  #arm(deadline: number): void {
    this.#timer ??= setTimeout(() => this.#giveUpLate(), Math.max(1, Math.ceil(deadline - performance.now())));
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #giveUpLate(): void {
    this.#timer = undefined;
    const now = performance.now();
    const late = (waiting: Waiting) => waiting.deadline <= now;
    const error = new SpoolError('broken', `The disk has not answered for ${this.#options.hangMs} ms`);
    if ([...this.#flight, ...this.#queue].some(late)) {
      this.#hanging = error;
      this.#options.onHang(error);
    }
    // What is being written stays with its group; what has not begun is let go.
    for (const waiting of this.#flight.filter(late)) answer(waiting, error);
    for (const waiting of this.#queue.filter(late)) {
      this.#bytes -= waiting.record.bytes;
      answer(waiting, error);
    }
    this.#queue = this.#queue.filter((waiting) => !late(waiting));
    const next = [...this.#flight, ...this.#queue].find(({ answered }) => !answered);
    if (next !== undefined) this.#arm(next.deadline);
  }
}

function answer(waiting: Waiting, error: SpoolError | undefined): void {
  if (waiting.answered) return;
  waiting.answered = true;
  if (error === undefined) waiting.resolve();
  else waiting.reject(error);
}
