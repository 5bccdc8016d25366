/** Keeps the spool from filling the last of a disk that others need as well. */
import type { SpoolFiles } from './spool-files.ts';

/** What is left free, at most; of small disks a tenth. */
const RESERVE_BYTES = 64 * 1024 * 1024;
/** A look at the disk is good for so long, and for so many bytes written. */
const FRESH_MS = 1_000;
const FRESH_BYTES = 4 * 1024 * 1024;

export class DiskSpace {
  readonly #files: SpoolFiles;
  /** Bytes that may be written before the reserve is touched, as of the last look. */
  #spare = 0;
  #writtenSince = 0;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(files: SpoolFiles) {
    this.#files = files;
  }

  /** True if there is room for the bytes, and the reserve is left. */
  async allows(bytes: number, directory: string): Promise<boolean> {
    const stale = performance.now() - this.#lookedAt >= FRESH_MS || this.#writtenSince + bytes > FRESH_BYTES;
    if (stale) await this.#look(directory);
    return bytes <= this.#spare - this.#writtenSince;
  }

  written(bytes: number): void {
    this.#writtenSince += bytes;
  }

  async #look(directory: string): Promise<void> {
    this.#lookedAt = performance.now();
    this.#writtenSince = 0;
    try {
      const { free, total } = await this.#files.space(directory);
      this.#spare = free - Math.min(RESERVE_BYTES, total / 10);
    } catch {
      // Not every file system says it; then the write itself will show.
      this.#spare = Number.POSITIVE_INFINITY;
    }
  }
}
