import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeEmbeddedPostgres } from '../../../../src/storage/postgres/embedded/describe-embedded-postgres.ts';
import { inPlace, inUsedPlace, notesOnCluster, postmasterPid, query } from './daemon-process.ts';

describe('embedded PostgreSQL and several daemons', { timeout: 60_000 }, () => {
  it('adopts the server that a daemon killed with -9 left running', async () => {
    await inUsedPlace(async ({ start, spawn }) => {
      const killed = spawn();
      const { databaseUrl, dataDirectory } = await killed.report;
      const pid = await postmasterPid(dataDirectory);
      await query(databaseUrl, 'CREATE TABLE written AS SELECT 7 AS number');
      await killed.kill();
      expect(await query(databaseUrl, 'SELECT number FROM written')).toEqual({ number: 7 });

      const next = await start();
      expect(next.databaseUrl).toBe(databaseUrl);
      expect(notesOnCluster(next)).toEqual([expect.stringContaining(`Adopted the PostgreSQL server (pid ${pid})`)]);
      expect(await postmasterPid(dataDirectory)).toBe(pid);
      await next.stop();
      await expect(query(databaseUrl, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
    });
  });

  it('stops a left server that it cannot log in to, sets a new password, and keeps the data', async () => {
    await inUsedPlace(async ({ directory, start, spawn }) => {
      const killed = spawn();
      const before = await killed.report;
      await killed.kill();
      await writeFile(join(directory, 'embedded-postgres.json'), '{}');

      const next = await start();
      expect(notesOnCluster(next)).toEqual([expect.stringContaining('Stopped the PostgreSQL server')]);
      expect(new URL(next.databaseUrl).password).not.toBe(new URL(before.databaseUrl).password);
      expect(await query(next.databaseUrl, 'SELECT answer FROM kept')).toEqual({ answer: 42 });
    });
  });

  it('starts after daemon and server were both killed with -9', async () => {
    await inUsedPlace(async ({ start, spawn }) => {
      const killed = spawn();
      const { databaseUrl, dataDirectory } = await killed.report;
      await query(databaseUrl, 'CREATE TABLE written AS SELECT 7 AS number');
      process.kill(await postmasterPid(dataDirectory), 'SIGKILL');
      await killed.kill();
      const next = await start();
      expect(await query(next.databaseUrl, 'SELECT number FROM written')).toEqual({ number: 7 });
    });
  });

  it('refuses a second daemon on the directory and names the first', async () => {
    await inUsedPlace(async ({ directory, spawn }) => {
      const first = spawn();
      const { databaseUrl } = await first.report;
      const { error } = await spawn().report;
      expect(error).toMatch(new RegExp(`^StartupError: Another daemon.* \\(pid ${first.pid}\\), uses ${directory}`));
      expect(await query(databaseUrl, 'SELECT answer FROM kept')).toEqual({ answer: 42 });
      expect(await describeEmbeddedPostgres({ dataDir: directory })).toMatchObject({ daemonPid: first.pid });

      await first.stop();
      const third = spawn();
      expect((await third.report).error).toBeUndefined();
      await third.stop();
    });
  });

  it('lets exactly one of several daemons win that start at the same instant on an empty directory', async () => {
    await inPlace(async ({ spawn }) => {
      const daemons = [spawn(), spawn(), spawn()];
      const reports = await Promise.all(daemons.map((daemon) => daemon.report));
      const winner = daemons[reports.findIndex((report) => report.error === undefined)];
      const refused = reports.flatMap((report) => report.error ?? []);
      expect(refused).toHaveLength(2);
      for (const error of refused) expect(error).toContain(`(pid ${winner?.pid})`);
      await winner?.stop();
    });
  });

  it('keeps the server when Ctrl-C reaches the whole process group', async () => {
    await inUsedPlace(async ({ spawn }) => {
      const daemon = spawn();
      const { databaseUrl, dataDirectory } = await daemon.report;
      const pid = await postmasterPid(dataDirectory);
      const [, , processGroup] = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
      expect(Number(processGroup)).toBe(pid);
      process.kill(-daemon.pid, 'SIGINT');
      await daemon.interrupted;
      expect(await query(databaseUrl, 'SELECT answer FROM kept')).toEqual({ answer: 42 });
      expect(await postmasterPid(dataDirectory)).toBe(pid);
      await daemon.stop();
      await expect(query(databaseUrl, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
    });
  });
});
