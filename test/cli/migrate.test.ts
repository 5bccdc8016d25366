import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runCommand } from '../support/command.ts';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { freePort } from '../support/free-port.ts';
import { until } from '../support/until.ts';

const LOG_LEVEL = 'warn';
const APPLIED = /^Applied: 20261120000000_initial(, \d+_\w+)*\n$/;
const NOTHING_TO_DO = 'Nothing to do: the tables are up to date.\n';

describe('npm run migrate', () => {
  let daemon: Daemon | undefined;
  let database: TestDatabase | undefined;
  afterAll(async () => {
    await daemon?.dispose();
    await database?.drop();
  });

  it('makes a daemon ready that does not migrate by itself, while it runs on its own PostgreSQL', async () => {
    daemon = await startDaemon({ MIGRATE_ON_START: 'false' }, { wait: 'listening' });
    const { url, dataDir } = daemon;
    const before = await fetch(`${url}/ready`);
    expect(before.status).toBe(503);
    expect(await before.json()).toMatchObject({
      checks: { database: { ok: false, detail: expect.stringContaining('npm run migrate') } },
    });

    const env = { DATA_DIR: dataDir, LOG_LEVEL };
    expect(await runCommand('migrate', { env })).toMatchObject({ code: 0, stdout: expect.stringMatching(APPLIED) });
    await until('the daemon is ready', async () => (await fetch(`${url}/ready`)).status === 200);
    expect(await runCommand('migrate', { env })).toEqual({ code: 0, stdout: NOTHING_TO_DO, stderr: '' });
    expect((await fetch(`${url}/ready`)).status).toBe(200);
  });

  it('starts the PostgreSQL of a daemon that does not run, and stops it again', async () => {
    await daemon?.stop();
    const dataDir = daemon?.dataDir ?? '';
    const result = await runCommand('migrate', { env: { DATA_DIR: dataDir, LOG_LEVEL } });
    expect(result).toEqual({ code: 0, stdout: NOTHING_TO_DO, stderr: '' });
    expect(existsSync(join(dataDir, 'postgres', 'postmaster.pid'))).toBe(false);
  });

  it('migrates the database of DATABASE_URL', async () => {
    database = await createDatabase({ migrated: false });
    const env = { DATABASE_URL: database.url, LOG_LEVEL };
    expect(await runCommand('migrate', { env })).toMatchObject({ code: 0, stdout: expect.stringMatching(APPLIED) });
    expect(await database.query('SELECT count(*)::int AS rows FROM webhook_gateway')).toEqual([{ rows: 1 }]);
    expect(await runCommand('migrate', { env })).toMatchObject({ code: 0, stdout: NOTHING_TO_DO });
  });

  it('says in one line why PostgreSQL cannot be reached, without the password', async () => {
    const port = await freePort();
    const DATABASE_URL = `postgresql://user:hunter2@127.0.0.1:${port}/gateway`;
    expect(await runCommand('migrate', { env: { DATABASE_URL } })).toEqual({
      code: 1,
      stdout: '',
      stderr: `Cannot connect to PostgreSQL: connect ECONNREFUSED 127.0.0.1:${port}\n`,
    });
  });
});
