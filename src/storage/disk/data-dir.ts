/** DATA_DIR comes into being in one way, whoever needs it first. */
import { resolve } from 'node:path';
import { makeDirectory } from './make-directory.ts';

/**
 * Creates DATA_DIR and what is missing above it, whatever the umask: 0700, as root 0711, since the embedded PostgreSQL then
 * runs as another user, who must be able to pass. What exists is left alone.
 */
export function makeDataDir(dataDir: string): void {
  makeDirectory(resolve(dataDir), process.geteuid?.() === 0 ? 0o711 : 0o700);
}
