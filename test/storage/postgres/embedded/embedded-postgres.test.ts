import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { describeEmbeddedPostgres } from '../../../../src/storage/postgres/embedded/describe-embedded-postgres.ts';
import { startEmbeddedPostgres } from '../../../../src/storage/postgres/embedded/embedded-postgres.ts';
import { inPlace, inUsedPlace, notesOnCluster, postmasterPid, query } from './daemon-process.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

async function mode(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

describe('embedded PostgreSQL', { timeout: 60_000 }, () => {
  it('makes a cluster at the first start, and finds data, port and password again at the next, whatever the path', async () => {
    await inPlace(async ({ directory, start }) => {
      const dataDir = join(directory, `it's a "data" $(touch pwned) \`dir\` & more`);
      const first = await start(dataDir);
      await query(first.databaseUrl, 'CREATE TABLE kept AS SELECT 42 AS answer');
      await first.stop();
      await expect(query(first.databaseUrl, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');

      const second = await start(dataDir);
      expect(second.databaseUrl).toBe(first.databaseUrl);
      expect(notesOnCluster(second)).toEqual([]);
      expect(await query(second.databaseUrl, 'SELECT answer FROM kept')).toEqual({ answer: 42 });
      await Promise.all([second.stop(), second.stop()]);
      await second.stop();
    });
  });

  it('is durable, in UTF-8 and C order, and reachable by password from this machine only', async () => {
    await inUsedPlace(async ({ directory, start }) => {
      const { databaseUrl, dataDirectory } = await start();
      expect(databaseUrl).toMatch(/^postgresql:\/\/postgres:[0-9a-f]{48}@127\.0\.0\.1:\d+\/gateway\?sslmode=disable$/);
      const setting = (name: string): string => `current_setting('${name}') AS ${name}`;
      const expected = {
        fsync: 'on',
        full_page_writes: 'on',
        synchronous_commit: 'on',
        max_connections: '50',
        max_wal_size: '512MB',
        listen_addresses: '127.0.0.1',
        unix_socket_directories: '',
      };
      expect(await query(databaseUrl, `SELECT ${Object.keys(expected).map(setting).join()}`)).toEqual(expected);
      const locale = `SELECT pg_encoding_to_char(encoding) AS encoding, datcollate FROM pg_database WHERE datname = 'gateway'`;
      expect(await query(databaseUrl, locale)).toEqual({ encoding: 'UTF8', datcollate: 'C' });
      const wrong = databaseUrl.replace(/postgres:\w+@/, 'postgres:wrong@');
      await expect(query(wrong, 'SELECT 1')).rejects.toThrow('password authentication failed');
      expect(await mode(join(directory, 'embedded-postgres.json'))).toBe('600');
      expect(await mode(join(directory, 'postgres.log'))).toBe('600');
      expect(await mode(dataDirectory)).toBe('700');
    });
  });

  it('keeps what a failed statement quotes out of its log', async () => {
    await inUsedPlace(async ({ directory, start }) => {
      const { databaseUrl } = await start();
      await expect(query(databaseUrl, `SELECT 'a private body'::int`)).rejects.toThrow('a private body');
      const log = await readFile(join(directory, 'postgres.log'), 'utf8');
      expect(log).toContain('ready to accept connections');
      expect(log).not.toContain('a private body');
    });
  });

  it('takes nothing from the environment of the daemon', async () => {
    await inUsedPlace(async ({ start }) => {
      vi.stubEnv('PGPORT', '1');
      vi.stubEnv('PGDATA', '/nowhere');
      vi.stubEnv('PGUSER', 'nobody');
      vi.stubEnv('PGOPTIONS', '-c geqo=off');
      vi.stubEnv('LD_PRELOAD', '/nowhere/library.so');
      vi.stubEnv('LC_ALL', 'xx_XX');
      vi.stubEnv('TMPDIR', '/nowhere');
      const { dataDirectory } = await start();
      vi.unstubAllEnvs();
      const environment = await readFile(`/proc/${await postmasterPid(dataDirectory)}/environ`, 'utf8');
      expect(environment).toContain(`PGDATA=${dataDirectory}\0`);
      expect(environment).toContain('LC_ALL=C\0');
      expect(environment).not.toMatch(/PGPORT|PGUSER|PGOPTIONS|LD_PRELOAD|TMPDIR|HOME/);
    });
  });

  it('moves to another port when its own is taken', async () => {
    await inUsedPlace(async ({ directory, start }) => {
      const state: unknown = JSON.parse(await readFile(join(directory, 'embedded-postgres.json'), 'utf8'));
      const squatter = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => squatter.once('listening', resolve));
      const address = squatter.address();
      const port = typeof address === 'object' ? address?.port : undefined;
      await writeFile(join(directory, 'embedded-postgres.json'), JSON.stringify({ ...Object(state), port }));
      try {
        const { databaseUrl } = await start();
        expect(new URL(databaseUrl).port).not.toBe(String(port));
        expect(await query(databaseUrl, 'SELECT answer FROM kept')).toEqual({ answer: 42 });
      } finally {
        squatter.close();
      }
    });
  });

  it('names the directory and the way out when it cannot write', async () => {
    await inPlace(async ({ directory }) => {
      await writeFile(join(directory, 'file'), '');
      const dataDir = join(directory, 'file', 'data');
      await expect(startEmbeddedPostgres({ dataDir })).rejects.toMatchObject({
        name: 'StartupError',
        message: expect.stringMatching(new RegExp(`${dataDir}.*ENOTDIR.*DATABASE_URL`)),
      });
    });
  });

  it('describes what is there without changing it', async () => {
    await inPlace(async ({ directory }) => {
      const dataDir = join(directory, 'data');
      expect(await describeEmbeddedPostgres({ dataDir })).toMatchObject({ initialised: false });
      expect(await readdir(directory)).toEqual([]);
    });
    await inUsedPlace(async ({ directory: dataDir, start }) => {
      const before = await readdir(dataDir);
      expect(await describeEmbeddedPostgres({ dataDir })).toMatchObject({
        initialised: true,
        majorVersion: 18,
        server: undefined,
        databaseUrl: undefined,
        daemonPid: undefined,
      });
      expect(await readdir(dataDir)).toEqual(before);

      const { databaseUrl, dataDirectory } = await start();
      expect(await describeEmbeddedPostgres({ dataDir })).toEqual({
        initialised: true,
        dataDirectory,
        majorVersion: 18,
        server: { pid: await postmasterPid(dataDirectory), port: Number(new URL(databaseUrl).port), status: 'ready' },
        databaseUrl,
        daemonPid: process.pid,
        notes: [],
      });
    });
  });
});
