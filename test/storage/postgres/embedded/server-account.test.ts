import { createHash } from 'node:crypto';
import { chmod, chown, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SYSTEM_DIRECTORY } from '../../../../src/storage/postgres/embedded/cluster-location.ts';
import { describeEmbeddedPostgres } from '../../../../src/storage/postgres/embedded/describe-embedded-postgres.ts';
import { startEmbeddedPostgres } from '../../../../src/storage/postgres/embedded/embedded-postgres.ts';
import { defaultServerAccount, isRoot } from '../../../../src/storage/postgres/embedded/server-account.ts';
import { runCommand } from '../../../support/command.ts';
import { startDaemon } from '../../../support/daemon.ts';
import { installForEverybody } from '../../../support/installed-package.ts';
import { PROVIDER_ENVIRONMENT } from '../../../support/webhooks.ts';
import { inPlace, inUsedPlace, notesOnCluster, query, removeWithServers } from './daemon-process.ts';

function homeOf(dataDir: string): string {
  return join(SYSTEM_DIRECTORY, createHash('sha256').update(dataDir).digest('hex').slice(0, 16));
}

// Users can be switched by root only.
describe.runIf(isRoot())('the user that embedded PostgreSQL runs as', { timeout: 60_000 }, () => {
  it('is not root, and owns the cluster but not the directory around it', async () => {
    await inPlace(async ({ directory, start }) => {
      const dataDir = join(directory, 'made', 'data');
      const postgres = await start(dataDir);
      const { dataDirectory } = postgres;
      expect(notesOnCluster(postgres)).toEqual([]);
      expect(dataDirectory).toBe(join(dataDir, 'postgres'));
      const account = await defaultServerAccount();
      expect(account?.uid).not.toBe(0);
      expect(await stat(dataDirectory)).toMatchObject({ uid: account?.uid, gid: account?.gid });
      expect(await stat(dataDir)).toMatchObject({ uid: 0 });
      expect((await stat(dataDir)).mode & 0o777).toBe(0o711);
    });
  });

  it('gets a cluster under /var/lib when it cannot enter DATA_DIR, also after DATA_DIR has moved', async () => {
    await inPlace(async ({ directory, start }) => {
      await chmod(directory, 0o700);
      const dataDir = join(directory, 'data');
      const home = homeOf(dataDir);
      try {
        const first = await start(dataDir);
        expect(first.dataDirectory).toBe(join(home, 'postgres'));
        expect(notesOnCluster(first)).toEqual([expect.stringMatching(`of ${dataDir} is in ${home}/postgres`)]);
        await query(first.databaseUrl, 'CREATE TABLE kept AS SELECT 42 AS answer');
        await first.stop();
        expect(await readdir(dataDir)).toEqual(['embedded-postgres.json']);
        expect((await stat(directory)).mode & 0o777).toBe(0o700);

        const moved = join(directory, 'moved');
        await rename(dataDir, moved);
        const second = await start(moved);
        expect(await query(second.databaseUrl, 'SELECT answer FROM kept')).toEqual({ answer: 42 });
        expect(await describeEmbeddedPostgres({ dataDir: moved })).toMatchObject({
          databaseUrl: second.databaseUrl,
          notes: [expect.stringContaining(home)],
        });
        await second.stop();

        await removeWithServers(home);
        await expect(startEmbeddedPostgres({ dataDir: moved })).rejects.toThrow(`was in ${home}, which is gone`);
      } finally {
        await removeWithServers(home);
      }
    });
  });

  describe('an ordinary user', () => {
    const NOBODY = 65_534;
    let as: { uid: number; root: string };
    beforeAll(() => {
      as = { uid: NOBODY, root: installForEverybody() };
    });
    afterAll(() => rm(as.root, { recursive: true, force: true }));

    it('runs it itself, and stays the owner of the cluster when root takes over', async () => {
      await inPlace(async ({ directory, start }) => {
        const dataDir = join(directory, 'data');
        await mkdir(dataDir, { mode: 0o700 });
        await chown(dataDir, NOBODY, NOBODY);
        const daemon = await startDaemon({}, { dataDir, as });
        try {
          const { databaseUrl = '' } = await describeEmbeddedPostgres({ dataDir });
          await query(databaseUrl, 'CREATE TABLE kept AS SELECT 42 AS answer');
          expect(await daemon.stop()).toBe(0);
        } finally {
          await daemon.dispose();
        }

        const { databaseUrl, dataDirectory } = await start(dataDir);
        expect(dataDirectory).toBe(join(dataDir, 'postgres'));
        expect(await stat(dataDirectory)).toMatchObject({ uid: NOBODY });
        expect(await query(databaseUrl, 'SELECT answer FROM kept')).toEqual({ answer: 42 });
      });
    });

    it('is told whose cluster it is where that is another user’s', async () => {
      await inUsedPlace(async ({ directory }) => {
        const { name } = (await defaultServerAccount()) ?? { name: '' };
        await chown(directory, NOBODY, NOBODY);
        await chown(join(directory, 'embedded-postgres.json'), NOBODY, NOBODY);
        const env = { ...PROVIDER_ENVIRONMENT, DATA_DIR: directory, PORT: '0' };
        expect(await runCommand('daemon', { env, as })).toEqual({
          code: 1,
          stdout: '',
          stderr: expect.stringMatching(new RegExp(`/postgres belongs to ${name}.*start it as root again`)),
        });
      });
    });
  });
});
