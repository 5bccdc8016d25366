/** A small disk of a test's own, which can be filled, emptied and made read-only. Needs the right to mount. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { atExit } from './at-exit.ts';
import { openTempDirectory } from './daemon.ts';

export interface SmallDisk {
  readonly directory: string;
  /** Takes every byte that is left. */
  fill(): void;
  /** Gives them back. */
  clear(): void;
  setReadOnly(readOnly: boolean): void;
  /** Idempotent. */
  unmount(): void;
}

const mount = (...args: string[]): boolean => spawnSync('mount', args).status === 0;

/** Tried once, on a directory of its own. */
export const mayMount = ((): boolean => {
  const directory = openTempDirectory('gateway-mount-');
  const mounted = mount('-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory);
  if (mounted) spawnSync('umount', [directory]);
  rmSync(directory, { recursive: true, force: true });
  return mounted;
})();

/** @param owner whose directory it is, with mode 0700; we ourselves if absent */
export function mountSmallDisk(directory: string, bytes: number, owner?: { uid: number; gid: number }): SmallDisk {
  mkdirSync(directory, { recursive: true });
  const owned = owner === undefined ? '' : `,uid=${owner.uid},gid=${owner.gid}`;
  if (!mount('-t', 'tmpfs', '-o', `size=${bytes},mode=0700${owned}`, 'tmpfs', directory)) {
    throw new Error(`no disk can be mounted on ${directory}`);
  }
  // Lazily: whoever still has a file open there must not keep the directory from being removed.
  const unmount = (): void => void spawnSync('umount', ['-l', directory]);
  const remembered = atExit(unmount);
  const filler = join(directory, 'filler');
  return {
    directory,
    fill() {
      const file = openSync(filler, 'a');
      try {
        for (const size of [1024 * 1024, 4096]) {
          const block = Buffer.alloc(size);
          while (isWritten(file, block));
        }
      } finally {
        closeSync(file);
      }
    },
    clear: () => rmSync(filler, { force: true }),
    setReadOnly(readOnly) {
      if (!mount('-o', `remount,${readOnly ? 'ro' : 'rw'}`, directory)) throw new Error('the disk cannot be remounted');
    },
    unmount() {
      unmount();
      remembered();
    },
  };
}

/** False once the disk is full. */
function isWritten(file: number, block: Buffer): boolean {
  try {
    return writeSync(file, block) === block.length;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false;
    throw error;
  }
}
