/** A real file system that fails on demand, as disks do. */
import { nodeFiles, type SpoolFile, type SpoolFiles } from '../../../../src/storage/disk/spool/spool-files.ts';

export type Operation =
  | 'open'
  | 'read'
  | 'write'
  | 'datasync'
  | 'truncate'
  | 'makeDirectory'
  | 'syncDirectory'
  | 'list'
  | 'rename'
  | 'remove'
  | 'space';

export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

/** What waits for `opened` waits until `open` is called. */
export function closedGate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

export class FaultyFiles implements SpoolFiles {
  /** What was done and to what, in order; a write ends with what it wrote. */
  readonly calls: { readonly operation: Operation; readonly path: string }[] = [];
  /** Throws or waits before an operation is carried out. */
  before: (operation: Operation, path: string) => void | Promise<void> = () => undefined;
  /** Bytes that the disk still takes; then ENOSPC, after a short write. */
  room = Number.POSITIVE_INFINITY;
  /** Most bytes that one write takes. */
  atATime = Number.POSITIVE_INFINITY;
  /** What the disk says of itself; undefined: the truth. */
  freeSpace: { free: number; total: number } | undefined;

  count(operation: Operation): number {
    return this.calls.filter((call) => call.operation === operation).length;
  }

  async #step(operation: Operation, path: string): Promise<void> {
    await this.before(operation, path);
    this.calls.push({ operation, path });
  }

  async open(path: string, mode: Parameters<SpoolFiles['open']>[1]): Promise<SpoolFile> {
    await this.#step('open', path);
    const file = await nodeFiles.open(path, mode);
    return {
      read: async (buffer, position) => {
        await this.#step('read', path);
        return file.read(buffer, position);
      },
      write: async (bytes, position) => {
        await this.#step('write', path);
        const taken = Math.min(bytes.length, this.room, this.atATime);
        if (taken === 0) throw systemError('ENOSPC');
        this.room -= taken;
        return file.write(bytes.subarray(0, taken), position);
      },
      datasync: async () => {
        await this.#step('datasync', path);
        await file.datasync();
      },
      truncate: async (length) => {
        await this.#step('truncate', path);
        await file.truncate(length);
      },
      size: () => file.size(),
      close: () => file.close(),
    };
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#step('makeDirectory', path);
    await nodeFiles.makeDirectory(path);
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#step('syncDirectory', path);
    await nodeFiles.syncDirectory(path);
  }

  async list(path: string): ReturnType<SpoolFiles['list']> {
    await this.#step('list', path);
    return nodeFiles.list(path);
  }

  describe(path: string): ReturnType<SpoolFiles['describe']> {
    return nodeFiles.describe(path);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#step('rename', from);
    await nodeFiles.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    await this.#step('remove', path);
    await nodeFiles.remove(path);
  }

  removeDirectory(path: string): Promise<void> {
    return nodeFiles.removeDirectory(path);
  }

  async space(path: string): ReturnType<SpoolFiles['space']> {
    await this.#step('space', path);
    return this.freeSpace ?? nodeFiles.space(path);
  }
}
