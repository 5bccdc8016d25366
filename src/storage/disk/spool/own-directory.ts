/** The directory of this process in the spool: named by a random id, and locked as long as the process lives. */
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { makeDataDir } from '../data-dir.ts';
import { holdLock } from './directory-lock.ts';
import { errorCode, type SpoolFiles } from './spool-files.ts';

export interface OwnDirectory {
  readonly path: string;
  /** Removes the directory if nothing is left in it, and frees the lock. Never rejects. */
  release(): Promise<void>;
}

/** Name of a process's directory; with `.new` while it is being made and perhaps not yet locked. */
export const DIRECTORY_NAME = /^[0-9a-f]{16}(\.new)?$/;
/** Written and removed to see whether the disk takes anything. */
export const PROBE_NAME = 'probe';
/** What a process needs for itself: nothing is lost with it. */
export const OWN_FILES: ReadonlySet<string> = new Set(['lock', PROBE_NAME]);
/** How often to begin anew when the unfinished directory was taken for one that somebody had left. */
const TRIES = 3;

/** @throws SpoolError or a system error if the disk does not let us */
export async function makeOwnDirectory(files: SpoolFiles, spoolDirectory: string): Promise<OwnDirectory> {
  await makeSpoolDirectory(files, spoolDirectory);
  for (let left = TRIES; ; left--) {
    try {
      return await makeOnce(files, spoolDirectory);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || left === 1) throw error;
    }
  }
}

/** It gets its final name only when it is locked: what others see under such a name is locked or dead for ever. */
async function makeOnce(files: SpoolFiles, spoolDirectory: string): Promise<OwnDirectory> {
  const path = join(spoolDirectory, randomBytes(8).toString('hex'));
  const draft = `${path}.new`;
  await files.makeDirectory(draft);
  let release = () => removeWithLock(files, draft);
  try {
    const lock = await holdLock(draft);
    release = () => removeWithLock(files, draft).then(lock.release);
    await files.rename(draft, path);
    release = () => removeWithLock(files, path).then(lock.release);
    await syncUpwards(files, spoolDirectory);
  } catch (error) {
    await release();
    throw error;
  }
  return { path, release };
}

/** Where there is more in it than the lock it stays, for the next process. */
async function removeWithLock(files: SpoolFiles, path: string): Promise<void> {
  try {
    const names = (await files.list(path)).map(({ name }) => name);
    if (names.some((name) => !OWN_FILES.has(name))) return;
    for (const name of names) await files.remove(join(path, name));
    await files.removeDirectory(path);
  } catch {
    // It is harmless where it is: whoever finds it next removes it.
  }
}

async function makeSpoolDirectory(files: SpoolFiles, path: string): Promise<void> {
  try {
    await files.makeDirectory(path);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT') throw error;
    makeDataDir(dirname(path));
    await files.makeDirectory(path);
  }
}

/** The names on the way to the directory must survive a power cut as well. */
async function syncUpwards(files: SpoolFiles, spoolDirectory: string): Promise<void> {
  await files.syncDirectory(spoolDirectory);
  try {
    for (let path = spoolDirectory; path !== dirname(path); ) {
      path = dirname(path);
      await files.syncDirectory(path);
    }
  } catch {
    // What is not ours to open was there before.
  }
}
