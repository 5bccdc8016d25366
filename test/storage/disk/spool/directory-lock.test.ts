import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { holdLock, probeLock } from '../../../../src/storage/disk/spool/directory-lock.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gateway-lock-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe('the lock of a directory', () => {
  it('is held until it is released, which may be repeated', async () => {
    expect(await probeLock(directory)).toBe('free');
    const lock = await holdLock(directory);
    expect(await probeLock(directory)).toBe('held');
    await Promise.all([lock.release(), lock.release()]);
    expect(await probeLock(directory)).toBe('free');
  });

  it('moves with the directory', async () => {
    const before = join(directory, 'before');
    const after = join(directory, 'after');
    await mkdir(before);
    const lock = await holdLock(before);
    await rename(before, after);
    expect(await probeLock(after)).toBe('held');
    expect(await probeLock(before)).toBe('free');
    await lock.release();
    expect(await probeLock(after)).toBe('free');
  });

  it('is not held by a file that is no socket', async () => {
    writeFileSync(join(directory, 'lock'), '');
    expect(await probeLock(directory)).toBe('free');
  });

  it.runIf(process.platform === 'linux')('works where the path is longer than a socket may have', async () => {
    const long = join(directory, 'd'.repeat(100), 'e'.repeat(100));
    await mkdir(`${long}.new`, { recursive: true });
    const lock = await holdLock(`${long}.new`);
    expect(readdirSync(`${long}.new`)).toEqual(['lock']);
    await rename(`${long}.new`, long);
    expect(await probeLock(long)).toBe('held');
    expect(await probeLock(join(long, 'there is none'))).toBe('gone');
    await lock.release();
    expect(await probeLock(long)).toBe('free');
  });

  it('says why it cannot be had', async () => {
    await expect(holdLock(join(directory, 'nowhere'))).rejects.toMatchObject({
      name: 'SpoolError',
      fault: 'broken',
      message: expect.stringContaining('Unix socket'),
    });
  });

  it('does not keep a process alive', () => {
    const module = fileURLToPath(new URL('../../../../src/storage/disk/spool/directory-lock.ts', import.meta.url));
    const script = `
      const { holdLock, probeLock } = await import(${JSON.stringify(module)});
      await holdLock(${JSON.stringify(directory)});
      process.stdout.write(await probeLock(${JSON.stringify(directory)}));`;
    const child = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      timeout: 30_000,
    });
    expect({ status: child.status, output: child.stdout.toString() }).toEqual({ status: 0, output: 'held' });
  });
});
