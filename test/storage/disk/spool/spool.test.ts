import { readFileSync, statSync } from 'node:fs';
import { cp, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SpoolError } from '../../../../src/core/errors.ts';
import type { SpooledRequest } from '../../../../src/core/spool.ts';
import { until } from '../../../support/until.ts';
import { closedGate, FaultyFiles } from './faulty-files.ts';
import { appendEach, asSpooled, drain, EVERYTHING, ids, inPlace, request, requests } from './spool-place.ts';

describe('what is appended', () => {
  it('comes back as it was, whatever the bytes', async () => {
    await inPlace(async ({ open, directory, files }) => {
      const spool = await open();
      const first = request();
      await spool.append(first);
      const segment = await readFile(join(directory, files()[0] ?? ''));
      const back = await spool.peek(EVERYTHING);
      expect(back).toEqual([asSpooled(first)]);
      await spool.remove(back);
      const others = [
        request({ body: Buffer.alloc(0) }),
        request({ body: Buffer.from(Array.from({ length: 1024 }, (_, index) => index % 256)) }),
        request({ body: segment }),
        request({ body: Buffer.concat([segment, segment.subarray(0, 20), segment]) }),
        request({ body: Buffer.alloc(3 * 1024 * 1024, 'x') }),
        request({ headers: { 'x-odd': '\u0000 "\\ \ud800 ü', 'user-agent': '' } }),
        request({ secret: 3, source: 'täglich', provider: 'whatsapp', events: [] }),
      ];
      await Promise.all(others.map((one) => spool.append(one)));
      const peeked = await spool.peek(EVERYTHING);
      const withoutBody = ({ body: _, ...rest }: SpooledRequest) => rest;
      expect(peeked.map(withoutBody)).toEqual(others.map(asSpooled).map(withoutBody));
      for (const [index, { body }] of peeked.entries()) expect(others[index]?.body.equals(body)).toBe(true);
    });
  });

  it('comes back in order, over many segments', async () => {
    await inPlace(async ({ open, files }) => {
      const spool = await open({ segmentBytes: 2_000 });
      const all = requests(50);
      await appendEach(spool, all);
      expect(files().length).toBeGreaterThan(5);
      expect(await drain(spool)).toEqual(ids(all));
      expect(files()).toEqual([]);
      expect(spool.counts()).toMatchObject({ records: 0, bytes: 0, oldest: null });
    });
  });

  it('is synced before it is acknowledged, the directory too where the file is new, and together with what waits', async () => {
    await inPlace(async ({ open, processes }) => {
      const files = new FaultyFiles();
      const spool = await open({ files });
      files.calls.length = 0;
      await spool.append(request());
      const [own = ''] = processes();
      const steps = files.calls.map(({ operation }) => operation).filter((operation) => operation !== 'space');
      expect(steps).toEqual(['open', 'write', 'datasync', 'syncDirectory']);
      expect(files.calls.at(-1)?.path).toBe(own);

      files.calls.length = 0;
      await Promise.all(requests(200).map((one) => spool.append(one)));
      expect(files.count('write')).toBe(1);
      expect(files.count('datasync')).toBe(1);
      expect(files.count('syncDirectory')).toBe(0);

      files.calls.length = 0;
      const body = Buffer.alloc(1024 ** 2);
      await Promise.all(Array.from({ length: 14 }, () => spool.append(request({ body }))));
      expect(files.count('datasync')).toBe(2);
    });
  });

  it('is not acknowledged before the sync has ended', async () => {
    await inPlace(async ({ open }) => {
      const files = new FaultyFiles();
      const spool = await open({ files });
      const gate = closedGate();
      files.before = (operation) => (operation === 'datasync' ? gate.opened : undefined);
      let acknowledged = false;
      const append = spool.append(request()).then(() => {
        acknowledged = true;
      });
      await until('the write', () => files.count('write') === 1);
      expect(acknowledged).toBe(false);
      gate.open();
      await append;
    });
  });

  it('lies where only this user sees it', async () => {
    await inPlace(async ({ open, directory, files, processes }) => {
      const spool = await open();
      await spool.append(request());
      const modes = [directory, ...processes(), join(directory, files()[0] ?? '')].map((path) => statSync(path).mode);
      expect(modes.map((mode) => mode & 0o777)).toEqual([0o700, 0o700, 0o600]);
    });
  });
});

describe('the drain', () => {
  it('gets the same again until it is removed, and never more than it asked for', async () => {
    await inPlace(async ({ open }) => {
      const spool = await open();
      const all = requests(10);
      await appendEach(spool, all);
      const three = await spool.peek({ records: 3, bytes: 1024 });
      expect(ids(three)).toEqual(ids(all.slice(0, 3)));
      expect(await spool.peek({ records: 3, bytes: 1024 })).toEqual(three);
      await spool.remove(three.slice(1, 2));
      await spool.remove(three.slice(1, 2));
      const left = [all[0], all[2], all[3]].map((one) => one?.id);
      expect(ids(await spool.peek({ records: 3, bytes: 1024 }))).toEqual(left);
      const size = all[0]?.body.length ?? 0;
      expect(await spool.peek({ records: 10, bytes: 2 * size })).toHaveLength(2);
      expect(await spool.peek({ records: 0, bytes: 0 })).toHaveLength(1);
    });
  });

  it('is told of what comes, and of what is there already', async () => {
    await inPlace(async ({ open }) => {
      const spool = await open();
      let told = 0;
      spool.onRecords(() => told++);
      await spool.append(request());
      expect(told).toBe(1);
      let toldAgain = 0;
      spool.onRecords(() => toldAgain++);
      await Promise.resolve();
      expect(toldAgain).toBe(1);
    });
  });

  it('deletes a segment only with the last of its records, and syncs the directory', async () => {
    await inPlace(async ({ open, files: listed }) => {
      const files = new FaultyFiles();
      const spool = await open({ files });
      await appendEach(spool, requests(3));
      const batch = await spool.peek(EVERYTHING);
      await spool.remove(batch.slice(1));
      expect(listed()).toHaveLength(1);
      files.calls.length = 0;
      await spool.remove(batch.slice(0, 1));
      expect(listed()).toEqual([]);
      expect(files.calls.map(({ operation }) => operation)).toEqual(['remove', 'syncDirectory']);
    });
  });

  it('starts each segment anew after a crash', async () => {
    await inPlace(async ({ open, directory, processes }) => {
      const spool = await open();
      const all = requests(5);
      await appendEach(spool, all);
      await spool.remove(await spool.peek({ records: 2, bytes: 1024 }));
      await inPlace(async (later) => {
        // A copy of a directory is what a crash leaves: files, and nobody who listens.
        await cp(directory, later.directory, { recursive: true, filter: (path) => !path.endsWith('lock') });
        expect(processes()).toHaveLength(1);
        const next = await later.open();
        expect(await drain(next)).toEqual(ids(all));
        expect(later.files()).toEqual([]);
      });
    });
  });

  it('sets a record aside durably before it counts as gone, and the file can be drained under another name', async () => {
    await inPlace(async ({ open, directory, files: listed, log }) => {
      const files = new FaultyFiles();
      const spool = await open({ files, scanMs: 10 });
      const all = requests(4);
      await appendEach(spool, all);
      const batch = await spool.peek(EVERYTHING);
      files.calls.length = 0;
      for (const one of batch.slice(1, 3)) await spool.reject(one);
      expect(files.count('datasync')).toBe(2);
      expect(spool.counts()).toMatchObject({ records: 2, rejected: 2 });
      expect(await spool.peek(EVERYTHING)).toEqual([batch[0], batch[3]]);
      await drain(spool);

      const [rejected = ''] = listed();
      expect(listed()).toEqual([expect.stringMatching(/\.rejected$/)]);
      await rename(join(directory, rejected), join(directory, rejected.replace('.rejected', '.spool')));
      await until('the file to be found', () => spool.counts().records === 2);
      expect(await spool.peek(EVERYTHING)).toEqual(all.slice(1, 3).map(asSpooled));
      expect(JSON.stringify(log)).not.toContain('SECRET');
    });
  });

  it('sets a record aside under a name that can become a segment while its own segment is still there', async () => {
    await inPlace(async ({ open, directory, files }) => {
      const first = await open();
      const all = requests(4);
      await appendEach(first, all);
      const [record] = await first.peek(EVERYTHING);
      if (!record) throw new Error('nothing to reject');
      await first.reject(record);
      await first.close();
      const [rejected = ''] = files().filter((file) => file.endsWith('.rejected'));
      const renamed = rejected.replace('.rejected', '.spool');
      expect(files()).not.toContain(renamed);
      await rename(join(directory, rejected), join(directory, renamed));
      // The whole segment comes again, as after a crash, and the record beside it.
      expect((await drain(await open())).sort()).toEqual([...ids(all), record.id].sort());
    });
  });

  it('keeps a record that could not be set aside', async () => {
    await inPlace(async ({ open }) => {
      const files = new FaultyFiles();
      const spool = await open({ files });
      await spool.append(request());
      const [record] = await spool.peek(EVERYTHING);
      if (!record) throw new Error('nothing to reject');
      files.room = 100;
      await expect(spool.reject(record)).rejects.toThrow('ENOSPC');
      expect(await spool.peek(EVERYTHING)).toEqual([record]);
      expect(spool.counts()).toMatchObject({ records: 1, rejected: 0 });
    });
  });

  it('goes on with the others where a segment cannot be read, and comes back to it', async () => {
    await inPlace(async ({ open, files: listed, directory, log }) => {
      const files = new FaultyFiles();
      const spool = await open({ files, segmentBytes: 1, scanMs: 10 });
      const all = requests(3);
      await appendEach(spool, all);
      const bad = join(directory, listed()[1] ?? '');
      files.before = (operation, path) => {
        if (operation === 'read' && path === bad) throw Object.assign(new Error('EIO'), { code: 'EIO' });
      };
      const batch = await spool.peek(EVERYTHING);
      expect(ids(batch)).toEqual([all[0]?.id, all[2]?.id]);
      expect(log).toContainEqual(expect.objectContaining({ level: 'warn', message: expect.stringContaining('read') }));
      await spool.remove(batch);
      expect(spool.counts().records).toBe(1);
      files.before = () => undefined;
      expect(await until('the rest', async () => (await drain(spool))[0])).toBe(all[1]?.id);
    });
  });
});

describe('the counts', () => {
  it('follow what is appended, removed and rejected', async () => {
    await inPlace(async ({ open, directory, files }) => {
      const spool = await open();
      expect(spool.counts()).toEqual({
        records: 0,
        bytes: 0,
        oldest: null,
        torn: 0,
        corrupt: 0,
        rejected: 0,
        asideBytes: 0,
      });
      const all = requests(6);
      await appendEach(spool, all);
      const bytes = statSync(join(directory, files()[0] ?? '')).size;
      expect(spool.counts()).toMatchObject({ records: 6, bytes, oldest: all[0]?.receivedAt });
      await spool.remove(await spool.peek({ records: 2, bytes: 1024 }));
      expect(spool.counts()).toMatchObject({ records: 4, oldest: all[2]?.receivedAt });
      const [third] = await spool.peek({ records: 1, bytes: 1024 });
      if (third) await spool.reject(third);
      expect(spool.counts()).toMatchObject({ records: 3, rejected: 1, oldest: all[3]?.receivedAt });
      expect(spool.counts().bytes).toBe((bytes / 6) * 3);
    });
  });
});

describe('closing', () => {
  it('waits for what is being written, leaves the rest to the next process, and may be repeated', async () => {
    await inPlace(async ({ open, files }) => {
      const spool = await open();
      const all = requests(20);
      const appends = all.map((one) => spool.append(one));
      await Promise.all([spool.close(), spool.close()]);
      await Promise.all(appends);
      await expect(spool.append(request())).rejects.toThrow(SpoolError);
      expect(await spool.peek(EVERYTHING)).toEqual([]);
      expect(files()).toHaveLength(1);
      const next = await open();
      expect(await drain(next)).toEqual(ids(all));
    });
  });

  it('leaves nothing behind where nothing is left', async () => {
    await inPlace(async ({ open, processes }) => {
      const spool = await open();
      await spool.append(request());
      await drain(spool);
      expect(processes()).toHaveLength(1);
      await spool.close();
      expect(processes()).toEqual([]);
    });
  });
});

it('no body, header value or secret of a request is in the file names or log of a spool that fails', async () => {
  await inPlace(async ({ open, files: listed, directory, log }) => {
    const files = new FaultyFiles();
    const spool = await open({ files });
    await spool.append(request());
    files.room = 10;
    await expect(spool.append(request())).rejects.toThrow(SpoolError);
    expect(readFileSync(join(directory, listed()[0] ?? '')).toString('latin1')).toContain('SECRET');
    expect(JSON.stringify({ log: log.map(({ fields }) => String(fields['err'])), listed: listed() })).not.toContain(
      'SECRET',
    );
  });
});
