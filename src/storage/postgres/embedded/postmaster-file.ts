/** `postmaster.pid`: what a PostgreSQL server writes about itself into its data directory. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface PostmasterFile {
  readonly pid: number;
  /** 0 in the first moments of a start. */
  readonly port: number;
  readonly status: 'starting' | 'ready' | 'stopping';
}

/** PostgreSQL never uses this pid: it is above every system's limit. */
export const IMPOSSIBLE_PID = 2_147_483_647;

export function postmasterFilePath(clusterDirectory: string): string {
  return join(clusterDirectory, 'postmaster.pid');
}

/** The file's content, or undefined if there is none: then no server runs there. */
export async function readPostmasterFile(clusterDirectory: string): Promise<PostmasterFile | undefined> {
  try {
    return parsePostmasterFile(await readFile(postmasterFilePath(clusterDirectory), 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * The lines are: pid, data directory, start time, port, socket directory, listen address, shared memory key, status. The
 * server adds them one by one while it starts.
 */
export function parsePostmasterFile(content: string): PostmasterFile {
  const lines = content.split('\n').map((line) => line.trim());
  // A standalone backend (postgres --single) writes its pid with a minus sign.
  const pid = Math.abs(Number.parseInt(lines[0] ?? '', 10));
  const port = Number.parseInt(lines[3] ?? '', 10);
  return {
    pid: pid > 0 ? pid : IMPOSSIBLE_PID,
    port: port > 0 ? port : 0,
    status: lines[7] === 'ready' ? 'ready' : lines[7] === 'stopping' ? 'stopping' : 'starting',
  };
}
