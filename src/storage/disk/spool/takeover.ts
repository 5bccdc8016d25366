/** Takes over what dead processes left in the spool. */
import { basename, join } from 'node:path';
import type { Logger } from 'pino';
import { probeLock } from './directory-lock.ts';
import { DIRECTORY_NAME, OWN_FILES } from './own-directory.ts';
import { freeName } from './segment-name.ts';
import { errorCode, type SpoolFiles } from './spool-files.ts';

/** Milliseconds for which nobody may take an unfinished directory away from its maker. */
const DRAFT_MS = 60_000;

export class Takeover {
  readonly #files: SpoolFiles;
  readonly #spoolDirectory: string;
  readonly #logger: Pick<Logger, 'warn'>;
  /** Directories that could not be taken over, and have been spoken of. */
  readonly #told = new Set<string>();

  constructor(files: SpoolFiles, spoolDirectory: string, logger: Pick<Logger, 'warn'>) {
    this.#files = files;
    this.#spoolDirectory = spoolDirectory;
    this.#logger = logger;
  }

  /**
   * Moves every dead directory into `own`, and the files out of those. Renaming is atomic, so each goes to one process only;
   * one that dies half-way leaves directories within its own, which whoever comes next resolves as well.
   *
   * @param room bytes that may be taken over. What is more stays where it is: it is as safe there, and would fill our spool
   */
  async run(own: string, room: number): Promise<void> {
    let left = room;
    for (const { name, directory } of await this.#files.list(this.#spoolDirectory)) {
      if (!directory || !DIRECTORY_NAME.test(name) || name === basename(own)) continue;
      const path = join(this.#spoolDirectory, name);
      await this.#attempt(path, async () => {
        const bytes = await this.#bytesIn(path);
        if (bytes > left || !(await this.#isDead(path))) return;
        left -= bytes;
        await this.#files.rename(path, join(own, name.replace('.new', '')));
      });
    }
    const entries = await this.#files.list(own);
    const taken = new Set(entries.map(({ name }) => name));
    let moved = false;
    for (const { name } of entries.filter(({ directory }) => directory)) {
      const path = join(own, name);
      moved = (await this.#attempt(path, () => this.#flatten(path, own, taken))) || moved;
    }
    if (moved) await this.#files.syncDirectory(own);
  }

  async #bytesIn(path: string): Promise<number> {
    let bytes = 0;
    for (const { name, directory } of await this.#files.list(path)) {
      const inner = join(path, name);
      bytes += directory ? await this.#bytesIn(inner) : (await this.#files.describe(inner)).size;
    }
    return bytes;
  }

  async #isDead(path: string): Promise<boolean> {
    // Also one whose lock refuses: it may be bound already, and not listening yet.
    if (path.endsWith('.new')) {
      const { changed } = await this.#files.describe(path);
      if (Date.now() - changed.getTime() < DRAFT_MS) return false;
    }
    const state = await probeLock(path);
    if (state === 'denied') throw new Error('it belongs to another user, and perhaps to a living process');
    return state === 'free';
  }

  async #flatten(path: string, own: string, taken: Set<string>): Promise<void> {
    for (const { name, directory } of await this.#files.list(path)) {
      const from = join(path, name);
      if (directory) await this.#flatten(from, own, taken);
      else if (OWN_FILES.has(name)) await this.#files.remove(from);
      else {
        // Also what a person put there under a name of their own: it may be the last copy.
        const free = freeName(name, taken);
        await this.#files.rename(from, join(own, free));
        taken.add(free);
      }
    }
    await this.#files.removeDirectory(path);
  }

  /** One that resists (it belongs to another user, say) does not keep us from the others. */
  async #attempt(path: string, task: () => Promise<void>): Promise<boolean> {
    try {
      await task();
      this.#told.delete(path);
      return true;
    } catch (error) {
      // Another process was faster.
      if (errorCode(error) === 'ENOENT') return false;
      if (!this.#told.has(path)) {
        this.#told.add(path);
        this.#logger.warn({ err: error, directory: path }, 'the spool of a dead process cannot be taken over');
      }
      return false;
    }
  }
}
