/** Files of the spool on this machine: webhooks that PostgreSQL does not have yet, or has refused, are not erased. */
import { readdirSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';

const KINDS = ['.spool', '.rejected', '.corrupt'];

/** @param dataDir absolute */
export function waitingFiles(dataDir: string): readonly string[] {
  const directory = join(dataDir, 'spool');
  let names: string[];
  try {
    names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  } catch {
    return [];
  }
  const paths = names.filter((name) => KINDS.includes(extname(name))).map((name) => join(directory, name));
  return paths.filter((path) => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0).sort();
}
