/** Sees whether a disk that failed takes something again, so that we recover without a request having to fail first. */
import { join } from 'node:path';
import { SpoolError } from '../../../core/errors.ts';
import type { DiskSpace } from './disk-space.ts';
import { PROBE_NAME } from './own-directory.ts';
import { type SpoolFiles, writeFully } from './spool-files.ts';

/** Milliseconds between two tries. */
const TRY_MS = 1_000;
const BYTES = 64 * 1024;

export interface DiskTrialOptions {
  readonly files: SpoolFiles;
  readonly space: DiskSpace;
  /** The directory of this process, made if there is none. */
  readonly directory: () => Promise<string>;
  /** Told the outcome: null, or a SpoolError or system error. */
  readonly onOutcome: (error: unknown) => void;
}

/** Writes a little, durably, and removes it. */
export class DiskTrial {
  readonly #options: DiskTrialOptions;
  #running: Promise<void> | undefined;
  #triedAt = Number.NEGATIVE_INFINITY;

  constructor(options: DiskTrialOptions) {
    this.#options = options;
  }

  /** Resolves when no try is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** At most once a second, and one at a time. Never rejects. */
  async run(): Promise<void> {
    if (this.#running !== undefined || performance.now() - this.#triedAt < TRY_MS) return;
    this.#triedAt = performance.now();
    this.#running = this.#write().then(() => this.#options.onOutcome(null), this.#options.onOutcome);
    await this.#running;
    this.#running = undefined;
  }

  async #write(): Promise<void> {
    const { files, space, directory } = this.#options;
    const own = await directory();
    if (!(await space.allows(BYTES, own))) throw new SpoolError('full', 'Too little of the disk is free');
    const path = join(own, PROBE_NAME);
    const file = await files.open(path, 'extend');
    try {
      await writeFully(file, Buffer.alloc(BYTES), 0);
      await file.datasync();
    } finally {
      await file.close();
      await files.remove(path);
    }
  }
}
