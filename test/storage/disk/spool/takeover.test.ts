/** What becomes of the spools of processes that died, and of those that live. */
import { cp, mkdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { holdLock, probeLock } from '../../../../src/storage/disk/spool/directory-lock.ts';
import { until } from '../../../support/until.ts';
import { FaultyFiles, systemError } from './faulty-files.ts';
import {
  appendEach,
  drain,
  EVERYTHING,
  ids,
  inDirectory,
  inPlace,
  type Place,
  request,
  requests,
} from './spool-place.ts';
import { type SpoolProcess, start, startProcess } from './spool-processes.ts';

/** Runs processes that do not outlive the test. */
async function withProcesses(body: (run: typeof startProcess) => Promise<void>): Promise<void> {
  const started: SpoolProcess[] = [];
  try {
    await body((...args) => {
      const one = startProcess(...args);
      started.push(one);
      return one;
    });
  } finally {
    await Promise.all(started.map((one) => one.kill()));
  }
}

it('what would fill the own spool is left where it is, until there is room', async () => {
  await inPlace(async ({ open, processes }) => {
    const some = () => requests(4).map((one) => ({ ...one, body: Buffer.alloc(2_000) }));
    const dead = await open();
    await appendEach(dead, some());
    const maxBytes = 12_000;
    const living = await open({ scanMs: 20, maxBytes });
    await appendEach(living, some());
    await dead.close();
    const later = request();
    await living.append(later);
    expect([processes().length, living.counts().records]).toEqual([2, 5]);
    expect(await drain(living)).toHaveLength(5);
    await until('the rest to be taken over', () => living.counts().records === 4);
    expect(await drain(living)).toHaveLength(4);
  });
});

it('whose directory is taken away all the same, as where its lock cannot be seen, acknowledges nothing that is gone', async () => {
  await inPlace(async ({ open, directory, processes }) => {
    const victim = await open();
    await victim.append(request());
    const [own = ''] = processes();
    await rename(own, join(directory, 'stolen'));
    await expect(victim.append(request())).rejects.toMatchObject({ fault: 'broken' });
  });
});

describe('a process that was killed', () => {
  it('is succeeded by a living one: records, counts, and nothing left behind', async () => {
    await inPlace(async ({ open, directory, processes }) => {
      await withProcesses(async (run) => {
        const spool = await open({ scanMs: 20 });
        let told = 0;
        spool.onRecords(() => told++);
        const victim = run(directory, 5);
        const appended = (await victim.next())?.ids ?? [];
        expect(appended).toHaveLength(5);
        expect(processes()).toHaveLength(2);
        await victim.kill();
        await until('the records to be counted', () => spool.counts().records === 5);
        expect(told).toBeGreaterThan(0);
        expect(spool.counts().oldest).toBeInstanceOf(Date);
        expect(processes()).toHaveLength(1);
        expect(await drain(spool)).toEqual(appended);
        expect(spool.counts()).toMatchObject({ records: 0, bytes: 0, oldest: null });
      });
    });
  });

  it('while it was appending has lost nothing that was acknowledged', async () => {
    await inPlace(async ({ open, directory }) => {
      await withProcesses(async (run) => {
        const victim = run(directory, 0);
        await victim.next();
        victim.send('append');
        const acknowledged: string[] = [];
        while (acknowledged.length < 200) acknowledged.push(...((await victim.next())?.ids ?? []));
        await victim.kill();
        for (let rest = await victim.next(); rest !== undefined; rest = await victim.next())
          acknowledged.push(...rest.ids);
        const drained = await drain(await open());
        expect(drained.slice(0, acknowledged.length)).toEqual(acknowledged);
        // One may have reached the disk without the news of it reaching us.
        expect(drained.length - acknowledged.length).toBeLessThanOrEqual(1);
      });
    });
  });

  it('is succeeded by exactly one of many that start at once', async () => {
    await inPlace(async ({ directory, processes }) => {
      await withProcesses(async (run) => {
        const victims = [run(directory, 4), run(directory, 4), run(directory, 4)];
        const appended: string[] = [];
        for (const victim of victims) appended.push(...((await victim.next())?.ids ?? []));
        await Promise.all(victims.map((victim) => victim.kill()));
        const heirs = Array.from({ length: 5 }, () => run(directory, 0));
        await Promise.all(heirs.map((heir) => heir.next()));
        const drained = await Promise.all(heirs.map(async (heir) => (await heir.ask('drain')).ids));
        expect(drained.flat().sort()).toEqual(appended.sort());
        await Promise.all(heirs.map((heir) => heir.stop()));
        expect(processes()).toEqual([]);
      });
    });
  });
});

describe('living processes', () => {
  it('never take from each other, however often they look', async () => {
    await inPlace(async ({ directory, processes }) => {
      await withProcesses(async (run) => {
        const both = [run(directory, 3, 2), run(directory, 3, 2)];
        const appended = await Promise.all(both.map(async (one) => (await one.next())?.ids));
        const names = processes();
        // Each has looked many times by the time it has answered so often.
        for (let looks = 0; looks < 200; looks++) {
          const counts = await Promise.all(both.map((one) => one.ask('counts')));
          expect(counts.map(({ counts: { records } }) => records)).toEqual([3, 3]);
        }
        expect(processes()).toEqual(names);
        const drained = await Promise.all(both.map(async (one) => (await one.ask('drain')).ids));
        expect(drained).toEqual(appended);
      });
    });
  });

  it('also not when one is stopped, or has its event loop busy', async () => {
    await inPlace(async ({ open, directory, processes }) => {
      await withProcesses(async (run) => {
        const frozen = run(directory, 2);
        await frozen.next();
        frozen.child.kill('SIGSTOP');
        const spool = await open();
        expect(spool.counts().records).toBe(0);
        expect(processes()).toHaveLength(2);
        frozen.child.kill('SIGCONT');
        expect((await frozen.ask('counts')).counts.records).toBe(2);
      });
    });
  });
});

describe('workers of one cluster', () => {
  it('have spools of their own, which the kernel frees with the worker', async () => {
    await inPlace(async ({ open, directory, processes }) => {
      const { child, lines, exited } = start('cluster-process.ts', [directory, '3', '2']);
      try {
        const pids: number[] = [];
        while (pids.length < 3) pids.push(JSON.parse((await lines.next()).value));
        expect(processes()).toHaveLength(3);
        const spool = await open({ scanMs: 20 });
        expect(spool.counts().records).toBe(0);
        expect(processes()).toHaveLength(4);
        // The primary can have no part in it: it is stopped.
        child.kill('SIGSTOP');
        process.kill(pids[1] ?? 0, 'SIGKILL');
        await until('the records of the worker that died', () => spool.counts().records === 2);
        expect(processes()).toHaveLength(3);
        expect(await Promise.all(processes().map(probeLock))).toEqual(['held', 'held', 'held']);
        expect(await drain(spool)).toHaveLength(2);
      } finally {
        child.kill('SIGCONT');
        child.stdin.end();
        await exited;
      }
    });
  });
});

/** Leaves what a process leaves that died: its directory, and nobody who listens. */
async function leaveDead({ open }: Place, count: number): Promise<readonly string[]> {
  const spool = await open();
  const all = requests(count);
  await appendEach(spool, all);
  await spool.close();
  return ids(all);
}

describe('what a dead process left', () => {
  it('is drained in order of time, before what is appended now, and over again', async () => {
    await inPlace(async (place) => {
      const { open } = place;
      const left: string[] = [];
      // Each takes over what the one before had.
      for (let generation = 0; generation < 4; generation++) left.push(...(await leaveDead(place, 3)));
      const spool = await open();
      const later = request();
      await spool.append(later);
      expect(await drain(spool)).toEqual([...left, later.id]);
    });
  });

  it('comes with what was set aside, and with what a person put there', async () => {
    await inPlace(async (place) => {
      const { open, directory, files } = place;
      await leaveDead(place, 1);
      const [segment = ''] = files();
      const base = segment.replace('.spool', '');
      await writeFile(join(directory, `${base}.rejected`), 'rejected');
      await writeFile(join(directory, `${base}.corrupt`), 'corrupt');
      await writeFile(join(directory, dirname(base), 'note to myself'), 'note');
      const spool = await open();
      await drain(spool);
      const names = ['note to myself', `${basename(base)}.corrupt`, `${basename(base)}.rejected`];
      expect(
        files()
          .map((file) => basename(file))
          .sort(),
      ).toEqual(names.sort());
      expect(files().every((file) => dirname(file) !== dirname(base))).toBe(true);
    });
  });

  it('overwrites nothing where two files have one name', async () => {
    await inPlace(async (place) => {
      const { open, directory, files, processes } = place;
      const left = await leaveDead(place, 2);
      const [dead = ''] = processes();
      await rm(join(dead, 'lock'));
      await cp(dead, join(directory, '0123456789abcdef'), { recursive: true });
      for (const { path, text } of [
        { path: dead, text: 'one' },
        { path: join(directory, '0123456789abcdef'), text: 'two' },
      ])
        await writeFile(join(path, basename(files()[0] ?? '').replace('.spool', '.rejected')), text);
      const spool = await open();
      expect((await drain(spool)).sort()).toEqual([...left, ...left].sort());
      const contents = await Promise.all(files().map((file) => readFile(join(directory, file), 'utf8')));
      expect(contents.sort()).toEqual(['one', 'two']);
    });
  });

  it('is found where its heir died in the middle of taking over', async () => {
    await inPlace(async (place) => {
      const { open, directory, processes } = place;
      const first = await leaveDead(place, 2);
      const [oldest = ''] = processes();
      const heir = join(directory, '1111111111111111');
      await mkdir(heir);
      await rename(oldest, join(heir, basename(oldest)));
      const heirsHeir = join(directory, '2222222222222222');
      await mkdir(heirsHeir);
      await rename(heir, join(heirsHeir, basename(heir)));
      const spool = await open();
      expect(processes()).toHaveLength(1);
      expect(await drain(spool)).toEqual(first);
      await spool.close();
      expect(processes()).toEqual([]);
    });
  });

  it('that resists does not keep us from the rest, is spoken of once, and is taken when it yields', async () => {
    await inPlace(async (place) => {
      const { open, log, processes } = place;
      await leaveDead(place, 2);
      const [dead = ''] = processes();
      const files = new FaultyFiles();
      files.before = (operation, path) => {
        if (operation === 'rename' && path === dead) throw systemError('EACCES');
      };
      const spool = await open({ files, scanMs: 10 });
      await spool.append(request());
      await until('some looks', () => files.count('list') > 20);
      expect(log.filter(({ level }) => level === 'warn')).toHaveLength(1);
      expect(spool.counts().records).toBe(1);
      files.before = () => undefined;
      await until('the rest', () => spool.counts().records === 3);
    });
  });

  it('is counted without a word of its bodies, also where it is large', async () => {
    await inPlace(async ({ open }) => {
      const first = await open();
      const all = Array.from({ length: 60 }, () => request({ body: Buffer.alloc(1024 * 1024) }));
      await Promise.all(all.map((one) => first.append(one)));
      const before = first.counts();
      await first.close();
      const spool = await open();
      await until('the count', () => spool.counts().records === 60);
      expect(spool.counts()).toEqual(before);
      const batch = await spool.peek({ records: 5, bytes: 1024 ** 3 });
      await spool.remove(batch);
      expect(spool.counts()).toMatchObject({ records: 55, oldest: all[5]?.receivedAt });
    });
  });
});

describe('a directory that is being made', () => {
  it('is left alone for a minute, then removed unless it is locked', async () => {
    await inPlace(async ({ open, directory, processes }) => {
      await mkdir(directory);
      const draft = (digit: string) => join(directory, `${digit.repeat(16)}.new`);
      const old = new Date(Date.now() - 61_000);
      await mkdir(draft('a'));
      await mkdir(draft('b'));
      await utimes(draft('b'), old, old);
      await mkdir(draft('c'));
      const lock = await holdLock(draft('c'));
      await utimes(draft('c'), old, old);
      const spool = await open();
      expect(processes().filter((path) => path.endsWith('.new'))).toEqual([draft('a'), draft('c')]);
      await lock.release();
      await spool.close();
    });
  });

  it('is made anew where somebody took it for one that was left', async () => {
    await inPlace(async ({ open, processes }) => {
      const files = new FaultyFiles();
      let taken = 0;
      files.before = (operation, path) => {
        if (operation === 'rename' && path.endsWith('.new') && taken++ === 0) throw systemError('ENOENT');
      };
      const spool = await open({ files });
      await spool.append(request());
      expect(taken).toBe(2);
      expect(processes()).toHaveLength(1);
    });
  });
});

it('other things beside the spools are left alone', async () => {
  await inPlace(async ({ open, directory }) => {
    await mkdir(join(directory, 'lost+found'), { recursive: true });
    await writeFile(join(directory, 'README'), 'x');
    const spool = await open();
    await spool.append(request());
    expect(await drain(spool)).toHaveLength(1);
    expect(await readFile(join(directory, 'README'), 'utf8')).toBe('x');
  });
});

it.runIf(process.platform === 'linux')('everything works where DATA_DIR has a long path', async () => {
  await inPlace(async ({ dataDir }) => {
    const long = join(dataDir, 'a'.repeat(90), 'b'.repeat(90));
    await inDirectory(long, async (place) => {
      const { open, processes } = place;
      const living = await open();
      await living.append(request());
      const left = await leaveDead(place, 3);
      const spool = await open();
      expect(processes()).toHaveLength(2);
      expect(await drain(spool)).toEqual(left);
      expect(await living.peek(EVERYTHING)).toHaveLength(1);
    });
  });
});
