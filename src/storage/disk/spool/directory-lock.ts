/**
 * A lock on a directory that the kernel frees with its process, however that ends: a Unix socket named `lock` in it that
 * listens. It moves with the directory when that is renamed. Once free it is never held again, so a directory whose lock
 * is free belongs to nobody for ever.
 */
import { once } from 'node:events';
import { type FileHandle, open } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { SpoolError } from '../../../core/errors.ts';
import { errorCode } from './spool-files.ts';

/**
 * `gone`: there is no such directory. `denied`: it belongs to another user. `unknown`: it cannot be said just now. Only
 * `free` allows to touch the directory.
 */
export type LockState = 'held' | 'free' | 'gone' | 'denied' | 'unknown';

export interface DirectoryLock {
  /** Idempotent. */
  release(): Promise<void>;
}

const LOCK_NAME = 'lock';
/** Bytes of a socket's path that every kernel takes. Node cuts longer ones off without a word. */
const MAX_PATH_BYTES = process.platform === 'linux' ? 107 : 103;
const PROBE_MS = 2_000;
/** What is known from an error. Free: a socket that was left, nothing at all, or something that is no socket. */
const STATES: Readonly<Record<string, LockState>> = {
  ECONNREFUSED: 'free',
  ENOENT: 'free',
  ENOTSOCK: 'free',
  EACCES: 'denied',
  EPERM: 'denied',
};

/** @throws Error if the directory's file system knows no sockets, or the path is too long for them */
export async function holdLock(directory: string): Promise<DirectoryLock> {
  const address = await addressOf(directory);
  const server = createServer((socket) => socket.destroy());
  try {
    // Exclusive: a worker of a cluster would otherwise ask the primary to listen, whose lock would outlive the worker.
    server.listen({ path: address.path, exclusive: true });
    await once(server, 'listening');
  } catch (error) {
    await address.close();
    throw new SpoolError('broken', `A Unix socket cannot be made in ${directory}: ${reasonOf(error)}`);
  }
  server.unref();
  // A connection that cannot be accepted (no file descriptor is left) changes nothing: the socket listens on.
  server.on('error', () => undefined);
  let released: Promise<void> | undefined;
  return {
    release: () => {
      released ??= closeServer(server).then(() => address.close());
      return released;
    },
  };
}

/** Asks whether a living process holds the lock of a directory. Never rejects. */
export async function probeLock(directory: string): Promise<LockState> {
  let address: Address;
  try {
    address = await addressOf(directory);
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? 'gone' : stateOf(error);
  }
  try {
    return await tryConnect(address.path);
  } finally {
    await address.close();
  }
}

function tryConnect(path: string): Promise<LockState> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (state: LockState) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(state);
    };
    const timer = setTimeout(() => end('unknown'), PROBE_MS);
    socket.once('connect', () => end('held'));
    socket.on('error', (error) => end(stateOf(error)));
  });
}

interface Address {
  readonly path: string;
  close(): Promise<void>;
}

/**
 * A path of the lock that is short enough. Where it is one through a file descriptor, that must stay open as long as the
 * server: closing a server removes the path that it was told.
 */
async function addressOf(directory: string): Promise<Address> {
  const path = join(directory, LOCK_NAME);
  if (Buffer.byteLength(path) <= MAX_PATH_BYTES) return { path, close: async () => undefined };
  if (process.platform !== 'linux') {
    throw new SpoolError(
      'broken',
      `${path} is too long for a Unix socket (${MAX_PATH_BYTES} bytes): choose a shorter DATA_DIR`,
    );
  }
  const handle: FileHandle = await open(directory, 'r');
  return { path: `/proc/self/fd/${handle.fd}/${LOCK_NAME}`, close: () => handle.close() };
}

function stateOf(error: unknown): LockState {
  return STATES[errorCode(error) ?? ''] ?? 'unknown';
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
