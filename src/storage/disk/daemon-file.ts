/** `DATA_DIR/daemon.json`: where the running daemon listens, for commands run beside it. Holds no secret. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { makeDataDir } from './data-dir.ts';

const daemonFile = z.object({
  pid: z.number().int(),
  /** Base URL, for instance `http://127.0.0.1:3000`. */
  url: z.string(),
  /** Of the API, for instance `http://127.0.0.1:3000/api/v1`; null in the role `ingest`. */
  api: z.string().nullable().default(null),
  /** Webhook URLs by source. */
  webhooks: z.record(z.string(), z.string()),
});
export type DaemonFile = z.infer<typeof daemonFile>;

const pathIn = (dataDir: string) => join(dataDir, 'daemon.json');

/**
 * Appears whole or not at all. Where DATA_DIR cannot be written nothing is left, which is no fault: commands can also be
 * told the URL by hand.
 */
export function leaveDaemonFile(dataDir: string, content: DaemonFile): void {
  try {
    makeDataDir(dataDir);
    const draft = `${pathIn(dataDir)}.${process.pid}`;
    writeFileSync(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
    renameSync(draft, pathIn(dataDir));
  } catch {
    // Read-only containers have nowhere to leave it.
  }
}

/** What a daemon left there, running or not; null if there is none, or nothing that can be read. */
export function readDaemonFile(dataDir: string): DaemonFile | null {
  try {
    return daemonFile.parse(JSON.parse(readFileSync(pathIn(dataDir), 'utf8')));
  } catch {
    return null;
  }
}

/** Removes the file if it is this process's own: in a cluster another instance may have written it since. */
export function removeDaemonFile(dataDir: string): void {
  if (readDaemonFile(dataDir)?.pid === process.pid) rmSync(pathIn(dataDir), { force: true });
}
