/** The bounds of the spool, and those of its disk. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Spool } from '../../../../src/core/spool.ts';
import { atExit } from '../../../support/at-exit.ts';
import { until } from '../../../support/until.ts';
import { FaultyFiles } from './faulty-files.ts';
import { appendEach, drain, ids, inDirectory, inPlace, request, requests } from './spool-place.ts';

const FULL = expect.objectContaining({ name: 'SpoolError', fault: 'full' });
const BROKEN = expect.objectContaining({ name: 'SpoolError', fault: 'broken' });
const MIB = 1024 * 1024;

/** Appends until it is refused, and returns the ids that were taken. */
async function fill(spool: Spool, bodyBytes: number): Promise<string[]> {
  const taken: string[] = [];
  for (;;) {
    const one = request({ body: Buffer.alloc(bodyBytes, 'b') });
    try {
      await spool.append(one);
    } catch (error) {
      expect(error).toEqual(FULL);
      return taken;
    }
    taken.push(one.id);
  }
}

describe('the spool of this process', () => {
  it('takes maxBytes, not more, and takes again when something was drained', async () => {
    await inPlace(async ({ open }) => {
      const spool = await open({ maxBytes: 20_000, segmentBytes: 3_000 });
      const taken = await fill(spool, 600);
      expect(taken.length).toBeGreaterThan(15);
      expect(spool.counts().bytes).toBeLessThanOrEqual(20_000);
      expect(spool.check()).toEqual({ ok: false, detail: expect.stringContaining('20000') });
      await spool.remove(await spool.peek({ records: 4, bytes: MIB }));
      expect(spool.check()).toEqual({ ok: true });
      const more = await fill(spool, 600);
      expect(more.length).toBeGreaterThan(0);
      expect(await drain(spool)).toEqual([...taken.slice(4), ...more]);
    });
  });

  it('counts what waits for the disk', async () => {
    await inPlace(async ({ open }) => {
      const spool = await open({ maxBytes: 20_000 });
      const all = await Promise.allSettled(requests(100).map((one) => spool.append(one)));
      expect(all.filter(({ status }) => status === 'fulfilled').length).toBe(
        Math.floor((20_000 / spool.counts().bytes) * spool.counts().records),
      );
      expect(all).toContainEqual({ status: 'rejected', reason: FULL });
    });
  });

  it('counts what was taken over and what was set aside', async () => {
    await inPlace(async ({ open }) => {
      const first = await open();
      await appendEach(
        first,
        requests(4).map((one) => ({ ...one, body: Buffer.alloc(2_000) })),
      );
      await first.close();
      const spool = await open({ maxBytes: 10_500 });
      await expect(spool.append(request({ body: Buffer.alloc(2_000) }))).rejects.toEqual(FULL);
      const [record] = await spool.peek({ records: 1, bytes: 1 });
      if (record) await spool.reject(record);
      await drain(spool);
      expect(await fill(spool, 2_000)).toHaveLength(3);
    });
  });

  it('lets no more wait for the disk than 64 MiB', async () => {
    await inPlace(async ({ open }) => {
      const spool = await open();
      const body = Buffer.alloc(MIB);
      const all = await Promise.allSettled(Array.from({ length: 70 }, () => spool.append(request({ body }))));
      expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(63);
      expect(all.at(-1)).toEqual({ status: 'rejected', reason: FULL });
      expect(spool.check()).toEqual({ ok: true });
    });
  });
});

describe('the reserve of the disk', () => {
  it.each([
    ['64 MiB of a large disk', 100_000 * MIB, 64 * MIB],
    ['a tenth of a small one', 100 * MIB, 10 * MIB],
  ])('is %s', async (_, total, reserve) => {
    await inPlace(async ({ open }) => {
      const files = new FaultyFiles();
      const spool = await open({ files });
      files.freeSpace = { free: reserve + 500, total };
      await expect(spool.append(request({ body: Buffer.alloc(1_000) }))).rejects.toEqual(FULL);
      expect(spool.check().ok).toBe(false);
      files.freeSpace = { free: reserve + MIB, total };
      await until('room to be seen', () => spool.check().ok);
      await spool.append(request({ body: Buffer.alloc(1_000) }));
    });
  });

  it('is not asked for at every append', async () => {
    await inPlace(async ({ open }) => {
      const files = new FaultyFiles();
      const spool = await open({ files });
      await appendEach(spool, requests(20));
      expect(files.count('space')).toBeLessThan(5);
      const looks = files.count('space');
      for (let mebibyte = 0; mebibyte < 12; mebibyte++) await spool.append(request({ body: Buffer.alloc(MIB) }));
      expect(files.count('space')).toBeGreaterThan(looks);
    });
  });

  it('does not matter where the file system cannot tell', async () => {
    await inPlace(async ({ open }) => {
      const files = new FaultyFiles();
      files.before = (operation) => {
        if (operation === 'space') throw Object.assign(new Error('ENOSYS'), { code: 'ENOSYS' });
      };
      const spool = await open({ files });
      await spool.append(request());
    });
  });
});

const mountable = canMount();

describe.skipIf(!mountable)('a small disk', () => {
  it('is full, and takes requests again when somebody made room', async () => {
    await onSmallDisk(async (disk) => {
      await inDirectory(disk, async ({ open, files }) => {
        const spool = await open({ segmentBytes: 256 * 1024 });
        const taken = await fill(spool, 20_000);
        expect(taken.length).toBeGreaterThan(100);
        await writeFile(join(disk, 'others'), Buffer.alloc(8 * MIB)).catch(() => undefined);
        // The reserve is used up by somebody else: now the writes themselves fail.
        await expect(spool.append(request({ body: Buffer.alloc(20_000) }))).rejects.toEqual(FULL);
        expect(spool.check().ok).toBe(false);
        await rm(join(disk, 'others'));
        expect(await drain(spool)).toEqual(taken);
        await until('room to be seen', () => spool.check().ok);
        const later = requests(3);
        await appendEach(spool, later);
        expect(await drain(spool)).toEqual(ids(later));
        expect(files()).toEqual([]);
      });
    });
  });

  it('that is read-only refuses, and takes requests when it is writable', async () => {
    await onSmallDisk(async (disk) => {
      await inDirectory(disk, async ({ open }) => {
        execFileSync('mount', ['-o', 'remount,ro', disk]);
        const spool = await open();
        await expect(spool.append(request())).rejects.toEqual(BROKEN);
        expect(spool.check()).toEqual({ ok: false, detail: expect.stringContaining('EROFS') });
        execFileSync('mount', ['-o', 'remount,rw', disk]);
        await until('the disk to be writable', () => spool.check().ok);
        const one = request();
        await spool.append(one);
        expect(await drain(spool)).toEqual([one.id]);
      });
    });
  });
});

async function onSmallDisk(body: (disk: string) => Promise<void>): Promise<void> {
  const disk = mkdtempSync(join(tmpdir(), 'gateway-small-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]);
  const unmount = (): void => {
    execFileSync('umount', ['-l', disk]);
    rmdirSync(disk);
  };
  const done = atExit(unmount);
  try {
    await body(disk);
  } finally {
    done();
    unmount();
  }
}

function canMount(): boolean {
  const disk = mkdtempSync(join(tmpdir(), 'gateway-small-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], { stdio: 'ignore' });
    execFileSync('umount', [disk]);
    return true;
  } catch {
    return false;
  } finally {
    rmdirSync(disk);
  }
}
