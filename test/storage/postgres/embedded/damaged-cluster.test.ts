import { spawn as spawnProcess } from 'node:child_process';
import { chown, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inPlace, inUsedPlace, notesOnCluster, query, until } from './daemon-process.ts';

async function stagingIn(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name.includes('initialising'));
}

/** Leaves a file as the server's user would. */
async function writeAsOwnerOf(directory: string, name: string, content: string): Promise<void> {
  const { uid, gid } = await stat(directory);
  await writeFile(join(directory, name), content);
  await chown(join(directory, name), uid, gid);
}

describe('embedded PostgreSQL on what it finds', { timeout: 60_000 }, () => {
  it('recovers from daemons that were killed in the middle of the first initialisation', async () => {
    await inPlace(async ({ directory, start, spawn }) => {
      const long = join(directory, 'postgres.initialising-abc', 'cluster');
      await mkdir(long, { recursive: true });
      await writeFile(join(long, 'PG_VERSION'), '18\n');

      const daemon = spawn();
      await until(async () => {
        const [staging] = (await stagingIn(directory)).filter((name) => !name.endsWith('abc'));
        return staging !== undefined && (await readdir(join(directory, staging))).includes('cluster');
      });
      await daemon.kill();
      // Its initdb lives on, as an orphan, while the next daemon begins anew.
      const { databaseUrl, stop } = await start();
      expect(await query(databaseUrl, 'SELECT 1 AS one')).toEqual({ one: 1 });
      await stop();
      expect(await stagingIn(directory)).not.toContain('postgres.initialising-abc');
    });
  });

  it('refuses a cluster of another major version and changes nothing', async () => {
    await inUsedPlace(async ({ directory, start }) => {
      const file = join(directory, 'postgres', 'PG_VERSION');
      await writeFile(file, '17\n');
      await expect(start()).rejects.toMatchObject({
        name: 'StartupError',
        message: expect.stringMatching(/was made by PostgreSQL 17.*brings 18\..*pg_dump.*DATABASE_URL/),
      });
      expect(await readFile(file, 'utf8')).toBe('17\n');
      await writeFile(file, '18\n');
      expect(await query((await start()).databaseUrl, 'SELECT answer FROM kept')).toEqual({ answer: 42 });
    });
  });

  it('refuses a directory that holds something else', async () => {
    await inPlace(async ({ directory, start }) => {
      await mkdir(join(directory, 'postgres'));
      const { uid, gid } = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : await stat(directory);
      await chown(join(directory, 'postgres'), uid, gid);
      await writeFile(join(directory, 'postgres', 'precious'), 'data');
      await expect(start()).rejects.toThrow('holds files but no PostgreSQL cluster');
      expect(await readFile(join(directory, 'postgres', 'precious'), 'utf8')).toBe('data');
    });
  });

  it('starts in spite of a stale postmaster.pid that names a living process of another kind', async () => {
    await inUsedPlace(async ({ directory, start }) => {
      const bystander = spawnProcess('sleep', ['60']);
      try {
        const cluster = join(directory, 'postgres');
        await writeAsOwnerOf(
          cluster,
          'postmaster.pid',
          `${bystander.pid}\n${cluster}\n1\n5432\n\n127.0.0.1\n\nready\n`,
        );
        const postgres = await start();
        expect(notesOnCluster(postgres)).toEqual([]);
        expect(await query(postgres.databaseUrl, 'SELECT answer FROM kept')).toEqual({ answer: 42 });
        expect(bystander.exitCode).toBeNull();
        expect(bystander.signalCode).toBeNull();
      } finally {
        bystander.kill();
      }
    });
  });

  it('says what to do about a password that does not fit and a state that cannot be read', async () => {
    await inUsedPlace(async ({ directory, start }) => {
      const path = join(directory, 'embedded-postgres.json');
      await writeFile(path, '{"password":"0000"}');
      await expect(start()).rejects.toThrow(`The password in ${path} does not open`);
      await writeFile(path, '{"passw');
      await expect(start()).rejects.toThrow(`${path} is damaged. Delete it`);
      await writeFile(path, '{}');
      expect(await query((await start()).databaseUrl, 'SELECT answer FROM kept')).toEqual({ answer: 42 });
    });
  });
});
