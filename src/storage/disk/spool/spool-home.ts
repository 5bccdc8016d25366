/** Where the spool of this process lives: its directory, made as soon as the disk lets us, and what it takes over. */
import type { Logger } from 'pino';
import { countRecords } from './count-records.ts';
import { makeOwnDirectory, type OwnDirectory } from './own-directory.ts';
import type { SegmentList } from './segment-list.ts';
import { toSpoolError } from './spool-fault.ts';
import { errorCode, type SpoolFiles } from './spool-files.ts';
import { Takeover } from './takeover.ts';

/** Milliseconds between two tries to make the directory. */
const RETRY_MS = 1_000;

export interface SpoolHomeOptions {
  readonly files: SpoolFiles;
  /** The directory of all processes. */
  readonly directory: string;
  /** Bytes that everything may take. */
  readonly maxBytes: number;
  readonly segments: SegmentList;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

export class SpoolHome {
  readonly #options: SpoolHomeOptions;
  readonly #takeover: Takeover;
  #own: OwnDirectory | undefined;
  #making: Promise<OwnDirectory> | undefined;
  #triedAt = Number.NEGATIVE_INFINITY;
  #lastError: unknown;
  #counting: Promise<void> | undefined;
  #released = false;

  constructor(options: SpoolHomeOptions) {
    this.#options = options;
    this.#takeover = new Takeover(options.files, options.directory, options.logger);
  }

  /** Path of this process's directory, made if there is none. @throws SpoolError why not, as of the last second */
  async open(): Promise<string> {
    if (this.#own !== undefined) return this.#own.path;
    if (this.#making === undefined) {
      if (performance.now() - this.#triedAt < RETRY_MS) throw toSpoolError(this.#lastError);
      this.#making = makeOwnDirectory(this.#options.files, this.#options.directory);
    }
    const making = this.#making;
    try {
      this.#own = await making;
    } catch (error) {
      this.#lastError = error;
      throw toSpoolError(error);
    } finally {
      this.#triedAt = performance.now();
      if (this.#making === making) this.#making = undefined;
    }
    return this.#own.path;
  }

  /** Adopts what dead processes left. Resolves to true if there are segments that were not known. */
  async takeOver(): Promise<boolean> {
    const { files, segments, logger, maxBytes } = this.#options;
    const own = await this.open();
    const used = segments.bytesOnDisk;
    // An empty spool takes over whatever there is: it has to be drained by somebody.
    await this.#takeover.run(own, used === 0 ? Number.POSITIVE_INFINITY : maxBytes - used);
    const added = await segments.discover(files, own);
    if (added.length > 0)
      logger.info({ segments: added.length }, 'spooled requests of earlier processes were taken over');
    this.#counting ??= this.#count().finally(() => {
      this.#counting = undefined;
    });
    return added.length > 0;
  }

  /** True if the directory was removed under us, and what was in it. */
  async isGone(): Promise<boolean> {
    if (this.#own === undefined) return false;
    try {
      await this.#options.files.list(this.#own.path);
      return false;
    } catch (error) {
      return errorCode(error) === 'ENOENT';
    }
  }

  /** The next `open` makes another directory. */
  async forget(): Promise<void> {
    const own = this.#own;
    this.#own = undefined;
    this.#options.segments.clear();
    await own?.release();
  }

  /** Frees the directory for the next process, or removes it if nothing is left in it. */
  async release(): Promise<void> {
    this.#released = true;
    await this.#counting;
    await this.#making?.catch(() => undefined);
    await this.#own?.release();
  }

  async #count(): Promise<void> {
    const { files, segments } = this.#options;
    const uncounted = segments.all().filter(({ counted }) => !counted);
    for (const segment of uncounted.sort((a, b) => (a.base < b.base ? -1 : 1))) {
      // Drained meanwhile, or not readable just now: whoever drains it says so, and it is counted at the next look.
      await countRecords(files, segment, () => this.#released).catch(() => undefined);
    }
  }
}
