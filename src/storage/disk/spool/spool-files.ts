/** The little that the spool asks of a file system, so that tests can let it fail as real disks do. */
import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, rm, rmdir, stat, statfs } from 'node:fs/promises';

/** An open file. Every method rejects with Node's system errors (`code`). */
export interface SpoolFile {
  /** Reads into the buffer from a position; returns the bytes read, 0 at the end of the file. */
  read(buffer: Buffer, position: number): Promise<number>;
  /** Returns the bytes written, which can be fewer than asked. */
  write(bytes: Buffer, position: number): Promise<number>;
  /** Returns when the data, and the length needed to read them again, are on the disk. */
  datasync(): Promise<void>;
  truncate(length: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/** `create`: there must be none of the name. `extend`: made if there is none. */
export type OpenMode = 'create' | 'extend' | 'read';

export interface DirectoryEntry {
  readonly name: string;
  readonly directory: boolean;
}

export interface SpoolFiles {
  /** Mode 0600. */
  open(path: string, mode: OpenMode): Promise<SpoolFile>;
  /** Mode 0700. Rejects if it exists (EEXIST) or its parent does not (ENOENT). */
  makeDirectory(path: string): Promise<void>;
  /** Returns when the names in the directory are on the disk. */
  syncDirectory(path: string): Promise<void>;
  list(path: string): Promise<readonly DirectoryEntry[]>;
  /** Length in bytes, and last change. */
  describe(path: string): Promise<{ readonly size: number; readonly changed: Date }>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Only an empty one. */
  removeDirectory(path: string): Promise<void>;
  /** Bytes that this user may still write, and bytes of the whole disk. */
  space(path: string): Promise<{ readonly free: number; readonly total: number }>;
}

/** The code of a system error; undefined for everything else. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

const FLAGS: Readonly<Record<OpenMode, number>> = {
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
  extend: constants.O_RDWR | constants.O_CREAT,
  read: constants.O_RDONLY,
};

/** What file systems answer that do not know fsync of a directory: then there is nothing to wait for. */
const NO_DIRECTORY_SYNC = new Set(['EINVAL', 'ENOTSUP', 'ENOSYS']);

/** The real file system. */
export const nodeFiles: SpoolFiles = {
  async open(path, mode) {
    const handle = await open(path, FLAGS[mode], 0o600);
    return {
      read: async (buffer, position) => (await handle.read(buffer, 0, buffer.length, position)).bytesRead,
      write: async (bytes, position) => (await handle.write(bytes, 0, bytes.length, position)).bytesWritten,
      datasync: () => handle.datasync(),
      truncate: (length) => handle.truncate(length),
      size: async () => (await handle.stat()).size,
      close: () => handle.close(),
    };
  },
  makeDirectory: (path) => mkdir(path, { mode: 0o700 }),
  async syncDirectory(path) {
    const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await handle.sync();
    } catch (error) {
      if (!NO_DIRECTORY_SYNC.has(errorCode(error) ?? '')) throw error;
    } finally {
      await handle.close();
    }
  },
  async list(path) {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.map((entry) => ({ name: entry.name, directory: entry.isDirectory() }));
  },
  async describe(path) {
    const { size, mtime } = await stat(path);
    return { size, changed: mtime };
  },
  rename,
  remove: (path) => rm(path),
  removeDirectory: (path) => rmdir(path),
  async space(path) {
    const { bavail, blocks, bsize } = await statfs(path);
    return { free: bavail * bsize, total: blocks * bsize };
  },
};

/** Writes all bytes, however few the disk takes at a time. */
export async function writeFully(file: SpoolFile, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const written = await file.write(bytes.subarray(done), position + done);
    if (written === 0) throw new Error('the disk takes no further byte');
    done += written;
  }
}

/** Reads `length` bytes. @throws Error if the file ends before */
export async function readFully(file: SpoolFile, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length);
  for (let done = 0; done < length; ) {
    const read = await file.read(bytes.subarray(done), position + done);
    if (read === 0) throw new Error('the file has become shorter');
    done += read;
  }
  return bytes;
}
