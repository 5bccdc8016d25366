/** One daemon per cluster. The lock names its holder and needs no clean-up after kill -9. */
import { randomBytes } from 'node:crypto';
import { link, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { identifyProcess, isAlive, type ProcessIdentity } from './process-identity.ts';

export interface DaemonLock {
  /** Idempotent. */
  release(): Promise<void>;
}

interface LockFile {
  readonly number: number;
  /** undefined: released. */
  readonly holder: ProcessIdentity | undefined;
}

const FILE_NAME = /^daemon\.lock\.(\d+)$/;

/**
 * Takes the lock of a directory, or returns the pid of the living process that holds it.
 *
 * Removing a dead holder's file and making one's own cannot be done in one step, so two daemons that find the same dead
 * holder could both win. Therefore the files are numbered: whoever makes the next number (`link` is atomic and refuses an
 * existing name) holds the lock, and the highest number is never removed, only marked as released. A slow process that
 * makes a number which others have passed meanwhile finds the higher one and withdraws.
 */
export async function acquireDaemonLock(directory: string): Promise<DaemonLock | { readonly heldBy: number }> {
  const self = identifyProcess(process.pid) ?? { pid: process.pid, born: '' };
  const draft = await writeDraft(directory, self);
  try {
    for (;;) {
      const latest = await latestLock(directory);
      if (latest?.holder && isAlive(latest.holder)) return { heldBy: latest.holder.pid };
      const number = (latest?.number ?? 0) + 1;
      const path = lockPath(directory, number);
      if (!(await linkUnlessExists(draft, path))) continue;
      const numbers = await lockNumbers(directory);
      if (Math.max(...numbers) > number) {
        await rm(path, { force: true });
        continue;
      }
      for (const old of numbers.filter((other) => other < number)) await rm(lockPath(directory, old), { force: true });
      return { release: releaseOnce(directory, path) };
    }
  } finally {
    await rm(draft, { force: true });
  }
}

/** The pid of the living process that holds the directory's lock. Changes nothing. */
export async function daemonLockHolder(directory: string): Promise<number | undefined> {
  const latest = await latestLock(directory);
  return latest?.holder && isAlive(latest.holder) ? latest.holder.pid : undefined;
}

function releaseOnce(directory: string, path: string): () => Promise<void> {
  let released: Promise<void> | undefined;
  const release = async (): Promise<void> => {
    try {
      await rename(await writeDraft(directory, undefined), path);
    } catch (error) {
      // The directory was removed under us, and the lock with it.
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  };
  return () => {
    released ??= release();
    return released;
  };
}

function lockPath(directory: string, number: number): string {
  return join(directory, `daemon.lock.${number}`);
}

/** Written in full before it gets its name: nobody ever reads half a lock file. */
async function writeDraft(directory: string, holder: ProcessIdentity | undefined): Promise<string> {
  const path = join(directory, `daemon.lock.draft-${randomBytes(6).toString('hex')}`);
  await writeFile(path, `${JSON.stringify(holder ?? {})}\n`, { mode: 0o600, flag: 'wx' });
  return path;
}

async function linkUnlessExists(existing: string, path: string): Promise<boolean> {
  try {
    await link(existing, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

async function lockNumbers(directory: string): Promise<number[]> {
  const names = await readdir(directory);
  return names.flatMap((name) => FILE_NAME.exec(name)?.[1] ?? []).map(Number);
}

async function latestLock(directory: string): Promise<LockFile | undefined> {
  for (;;) {
    const numbers = await lockNumbers(directory);
    if (numbers.length === 0) return undefined;
    const number = Math.max(...numbers);
    try {
      return { number, holder: parseHolder(await readFile(lockPath(directory, number), 'utf8')) };
    } catch (error) {
      // Passed and removed since we looked.
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
}

function parseHolder(content: string): ProcessIdentity | undefined {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    // Emptied by a power cut: then no process of that time is alive.
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !('pid' in value) || !('born' in value)) return undefined;
  const { pid, born } = value;
  return typeof pid === 'number' && typeof born === 'string' ? { pid, born } : undefined;
}
