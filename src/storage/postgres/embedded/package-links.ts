/** The symbolic links that PostgreSQL's programs need to find their libraries, and that an npm package cannot hold. */
import { lstat, readFile, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

/**
 * Makes the links listed in `pg-symlinks.json` that are missing. The package's install script does the same, but does not
 * run under `npm ci --ignore-scripts`.
 *
 * @throws the system's error if the directory cannot be written
 */
export async function createMissingLinks(nativeDirectory: string): Promise<void> {
  const list = await readFile(join(nativeDirectory, 'pg-symlinks.json'), 'utf8').catch(emptyListIfAbsent);
  const links: unknown = JSON.parse(list);
  if (!Array.isArray(links)) return;
  for (const { source, target } of links.filter(isLink)) {
    // Both are written relative to the package's root, so they begin with "native/".
    const link = join(nativeDirectory, relative('native', target));
    if (await lstat(link).catch(() => undefined)) continue;
    await symlink(relative(dirname(target), source), link).catch(ignoreExisting);
  }
}

function isLink(value: unknown): value is { source: string; target: string } {
  if (typeof value !== 'object' || value === null || !('source' in value) || !('target' in value)) return false;
  return typeof value.source === 'string' && typeof value.target === 'string';
}

/** Windows' package has no list. */
function emptyListIfAbsent(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return '[]';
  throw error;
}

/** Another daemon may make the same links at the same moment. */
function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
