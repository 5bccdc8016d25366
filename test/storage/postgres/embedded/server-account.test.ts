import { createHash } from 'node:crypto';
import { chmod, chown, mkdir, readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SYSTEM_DIRECTORY } from '../../../../src/storage/postgres/embedded/cluster-location.ts';
import { describeEmbeddedPostgres } from '../../../../src/storage/postgres/embedded/describe-embedded-postgres.ts';
import { startEmbeddedPostgres } from '../../../../src/storage/postgres/embedded/embedded-postgres.ts';
import { defaultServerAccount, isRoot } from '../../../../src/storage/postgres/embedded/server-account.ts';
import {
  inPlace,
  inUsedPlace,
  isCheckoutOpen,
  notesOnCluster,
  query,
  removeWithServers,
  spawnDaemon,
} from './daemon-process.ts';

const NOBODY = { uid: 65_534, gid: 65_534 };
const nobodyCanRunUs = isRoot() && (await isCheckoutOpen(NOBODY));

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

  it.runIf(nobodyCanRunUs)(
    'is the daemon itself when that is not root, and stays the owner when root takes over',
    async () => {
      await inPlace(async ({ directory, start }) => {
        const dataDir = join(directory, 'data');
        await mkdir(dataDir, { mode: 0o700 });
        await chown(dataDir, NOBODY.uid, NOBODY.gid);
        const daemon = spawnDaemon(dataDir, NOBODY);
        const report = await daemon.report;
        expect(report.error).toBeUndefined();
        expect(report.dataDirectory).toBe(join(dataDir, 'postgres'));
        await query(report.databaseUrl, 'CREATE TABLE kept AS SELECT 42 AS answer');
        await daemon.stop();

        const { databaseUrl, dataDirectory } = await start(dataDir);
        expect(dataDirectory).toBe(report.dataDirectory);
        expect(await query(databaseUrl, 'SELECT answer FROM kept')).toEqual({ answer: 42 });
      });
    },
  );

  it.runIf(nobodyCanRunUs)('is not changed behind its back: an ordinary user is told whose cluster it is', async () => {
    await inUsedPlace(async ({ directory }) => {
      const { name } = (await defaultServerAccount()) ?? { name: '' };
      await chown(directory, NOBODY.uid, NOBODY.gid);
      await chown(join(directory, 'embedded-postgres.json'), NOBODY.uid, NOBODY.gid);
      const { error } = await spawnDaemon(directory, NOBODY).report;
      expect(error).toMatch(new RegExp(`^StartupError: .*/postgres belongs to ${name}.*start it as root again`));
    });
  });
});
