/** A copy of PostgreSQL's programs in a place that the server's user can reach. */
import { randomBytes } from 'node:crypto';
import { chmod, cp, lstat, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { makeDirectory } from '../../disk/make-directory.ts';
import { createMissingLinks } from './package-links.ts';

/** A copy takes seconds; one that is older was left by a daemon that was killed. */
const ABANDONED_AFTER_MS = 600_000;

/**
 * Copies the `native/` folder unless the destination exists. Written under another name and renamed when complete, so
 * that a kill in between or a second daemon at the same moment never leaves half a copy under the final name.
 */
export async function copyBinaries(nativeDirectory: string, destination: string): Promise<void> {
  if (await exists(destination)) return;
  const parent = dirname(destination);
  makeDirectory(parent, 0o711);
  const prefix = `${basename(destination)}.copying-`;
  await removeAbandonedCopies(parent, prefix);
  const partial = join(parent, prefix + randomBytes(6).toString('hex'));
  try {
    await cp(nativeDirectory, partial, { recursive: true, verbatimSymlinks: true });
    await makeReadableByAll(partial);
    await createMissingLinks(partial);
    await rename(partial, destination);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    // Another daemon was quicker: its copy is as good as ours.
    if (!(await exists(destination))) throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

async function removeAbandonedCopies(parent: string, prefix: string): Promise<void> {
  for (const name of (await readdir(parent)).filter((name) => name.startsWith(prefix))) {
    const path = join(parent, name);
    const found = await stat(path).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > ABANDONED_AFTER_MS) await rm(path, { recursive: true, force: true });
  }
}

/** The original may have been installed under a umask that closes it to others. Only ever applied to our own copy. */
async function makeReadableByAll(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await makeReadableByAll(path);
    else if (entry.isFile()) await chmod(path, (await lstat(path)).mode & 0o100 ? 0o755 : 0o644);
  }
}
