/** DATA_DIR comes into being in one way, whoever needs it first. */
import { chmodSync, mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Creates DATA_DIR and what is missing above it, whatever the umask: 0700, as root 0711, since the embedded PostgreSQL then
 * runs as another user, who must be able to pass. What exists is left alone.
 */
export function makeDataDir(dataDir: string): void {
  const mode = process.geteuid?.() === 0 ? 0o711 : 0o700;
  const path = resolve(dataDir);
  const first = mkdirSync(path, { recursive: true, mode });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) chmodSync(made, mode);
}
