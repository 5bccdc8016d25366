/** Creates directories with an exact mode, and leaves alone those that were there. */
import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Creates the directory and what is missing above it, each with the mode whatever the umask. Directories that exist keep
 * their mode: what we did not make we do not open to others.
 *
 * Not `mkdir` with `recursive`: where a place takes no directories and says ENOENT, such as /proc, Node tries for ever.
 *
 * @param path absolute
 */
export function makeDirectory(path: string, mode: number): void {
  try {
    make(path, mode);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    const parent = dirname(path);
    if (!isDirectory(parent)) makeDirectory(parent, mode);
    // Also if the parent is there: another process may have made it just now.
    make(path, mode);
  }
}

function make(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (codeOf(error) === 'EEXIST' && isDirectory(path)) return;
    throw error;
  }
  chmodSync(path, mode);
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
