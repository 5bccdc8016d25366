/** Creates directories with an exact mode, and leaves alone those that were there. */
import { chmod, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Creates the directory and what is missing above it, each with the mode whatever the umask. Directories that exist keep
 * their mode: what we did not make we do not open to others.
 *
 * @param path absolute
 */
export async function makeDirectory(path: string, mode: number): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await chmod(made, mode);
}
