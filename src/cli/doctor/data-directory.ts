/** Checks DATA_DIR: can the daemon keep there what it must, and is there room on the disk. */
import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Finding, fault, ok, warning } from './finding.ts';

const MIB = 1024 * 1024;
const LITTLE_SPACE = 1024 * MIB;
/** PostgreSQL makes its log in files of 16 MiB, and stops when it cannot make the next. */
const NO_SPACE = 64 * MIB;

export interface DataDirectoryCheckOptions {
  /** Absolute. */
  readonly dataDir: string;
  /** Whether the daemon cannot run without it: for the private PostgreSQL, or for generated secrets. */
  readonly needed: boolean;
}

export function checkDataDirectory({ dataDir, needed }: DataDirectoryCheckOptions): Finding[] {
  const place = nearestExisting(dataDir);
  if (!statSync(place).isDirectory()) return [fault(`${place} is a file`, 'Set DATA_DIR to a directory.')];
  const exists = place === dataDir;
  if (isWritable(place)) {
    const text = exists ? `${dataDir} is writable` : `${dataDir} does not exist yet: the first start makes it`;
    return [ok(text), ...checkFreeSpace(place)];
  }
  const text = exists ? `this user cannot write to ${dataDir}` : `this user cannot make ${dataDir}`;
  const advice = `Let the user of the daemon write to ${place} (chown), or set DATA_DIR to another directory.`;
  return [needed ? fault(text, advice) : warning(text, advice), ...checkFreeSpace(place)];
}

/** How much room is left where the path lies, for a user without privileges. */
export function checkFreeSpace(path: string): Finding[] {
  const { bavail, bsize } = statfsSync(path);
  const free = bavail * bsize;
  const text = `${(free / (1024 * MIB)).toFixed(1)} GiB free on the disk of ${path}`;
  const advice = 'Free some, or move the data to a larger disk: what cannot be stored is answered 503.';
  if (free < NO_SPACE) return [fault(text, advice)];
  return [free < LITTLE_SPACE ? warning(text, advice) : ok(text)];
}

function nearestExisting(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path));
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
