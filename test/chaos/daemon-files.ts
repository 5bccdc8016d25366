/** What the daemons of a run leave on the disk. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runDirectory } from './report.ts';

/** For the test that searches the logs of the whole run. */
export function keepLog(name: string, text: string): void {
  writeFileSync(join(runDirectory(), 'logs', `${name}.log`), text);
}

/** Paths of the spool's segments. */
export function spoolFiles(dataDir: string): string[] {
  const directory = join(dataDir, 'spool');
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.spool'));
}
