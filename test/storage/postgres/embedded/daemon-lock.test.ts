import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  acquireDaemonLock,
  type DaemonLock,
  daemonLockHolder,
} from '../../../../src/storage/postgres/embedded/daemon-lock.ts';
import { inPlace } from './daemon-process.ts';

function isLock(result: DaemonLock | { heldBy: number }): result is DaemonLock {
  return 'release' in result;
}

describe('the lock of a directory', () => {
  it.each([
    ['nobody', undefined],
    ['a process that is dead', { pid: 2_147_483_646, born: 'long ago' }],
    ['an earlier process with the number of a living one', { pid: process.pid, born: 'an earlier boot 1' }],
    ['a daemon that released it', {}],
  ])('goes to exactly one of many that try at once when it was held by %s', async (_, holder) => {
    await inPlace(async ({ directory }) => {
      if (holder) await writeFile(join(directory, 'daemon.lock.9'), JSON.stringify(holder));
      const results = await Promise.all(Array.from({ length: 30 }, () => acquireDaemonLock(directory)));
      const locks = results.filter(isLock);
      expect(locks).toHaveLength(1);
      expect(results.filter((result) => 'heldBy' in result && result.heldBy === process.pid)).toHaveLength(29);
      expect(await readdir(directory)).toEqual([holder ? 'daemon.lock.10' : 'daemon.lock.1']);
    });
  });

  it('is free again after its release, which may be repeated', async () => {
    await inPlace(async ({ directory }) => {
      const first = await acquireDaemonLock(directory);
      if (!isLock(first)) throw new Error('not free');
      expect(await daemonLockHolder(directory)).toBe(process.pid);
      await Promise.all([first.release(), first.release()]);
      expect(await daemonLockHolder(directory)).toBeUndefined();

      const second = await acquireDaemonLock(directory);
      expect(isLock(second)).toBe(true);
      await first.release();
      expect(await daemonLockHolder(directory)).toBe(process.pid);
    });
  });
});
