/** The daemon under the real PM2, with the ecosystem file that operators use. */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { freePort } from '../support/free-port.ts';
import { ended, installPm2, isRunning, type Pm2, type Pm2Process } from '../support/pm2.ts';
import { until } from '../support/until.ts';
import { startWebhookLoad } from '../support/webhook-load.ts';
import { fresh, keysOf, PROVIDER_ENVIRONMENT, post } from '../support/webhooks.ts';

const MIB = 1024 * 1024;
const RELOADS = 4;

const used: { pm2?: Pm2; database?: TestDatabase } = {};
afterEach(async () => {
  await used.pm2?.dispose();
  await used.database?.drop();
  delete used.pm2;
  delete used.database;
});

async function install(env: Readonly<Record<string, string>> = {}): Promise<{ pm2: Pm2; url: string }> {
  const port = String(await freePort());
  const pm2 = installPm2({ PORT: port, ...PROVIDER_ENVIRONMENT, ...env });
  used.pm2 = pm2;
  return { pm2, url: `http://127.0.0.1:${port}` };
}

async function installWithDatabase(env: Readonly<Record<string, string>> = {}) {
  const database = await createDatabase({ migrated: false });
  used.database = database;
  return { database, ...(await install({ DATABASE_URL: database.url, ...env })) };
}

const online = ({ status }: Pm2Process) => status === 'online';
const pids = (processes: readonly Pm2Process[]) => processes.map(({ pid }) => pid);
const answers = (url: string) =>
  fetch(`${url}/health`).then(
    (response) => response.ok,
    () => false,
  );

test('reloads a cluster under load without a failed request, and restarts a worker that was killed', async () => {
  const { database, pm2, url } = await installWithDatabase({ LOG_LEVEL: 'warn' });
  await pm2.run('start', 'ecosystem.config.cjs');
  const first = await pm2.processes();
  expect(first.map(({ mode, status }) => [mode, status])).toEqual([
    ['cluster_mode', 'online'],
    ['cluster_mode', 'online'],
  ]);
  expect(first[0]).toMatchObject({ memoryLimit: 506 * MIB, killTimeout: 10_000 });

  const load = startWebhookLoad(url, { keepAlive: 4, oneShot: 2 });
  await until('webhooks from every client', () => load.accepted() > 50);
  for (let reload = 0; reload < RELOADS; reload += 1) await pm2.run('reload', 'ecosystem.config.cjs');
  const { failures, keptAlive, oneShot } = await load.stop();
  expect(failures).toEqual([]);
  const stored = await database.query<{ dedupe_key: string }>('SELECT dedupe_key FROM events');
  expect(stored.map((row) => row.dedupe_key).sort()).toEqual([...keptAlive, ...oneShot].sort());

  const reloaded = await pm2.processes();
  expect(pids(reloaded).filter((pid) => pids(first).includes(pid))).toEqual([]);
  await ended(pids(first));
  const [victim] = reloaded;
  process.kill(victim?.pid ?? 0, 'SIGKILL');
  const repaired = await until('another worker', async () => {
    const processes = await pm2.processes();
    return processes.every(online) && !pids(processes).includes(victim?.pid ?? 0) ? processes : null;
  });
  expect(repaired).toHaveLength(2);
  await until('an answer', () => answers(url));
  expect((await post(url, fresh('stripe'))).status).toBe(200);

  await pm2.run('kill');
  await ended(pids(repaired));
});

test('runs one process on the embedded PostgreSQL and leaves nothing behind', async () => {
  const { pm2, url } = await install();
  await pm2.run('start', 'ecosystem.config.cjs');
  const processes = await pm2.processes();
  expect(processes.map(({ mode, status }) => [mode, status])).toEqual([['fork_mode', 'online']]);
  const webhook = fresh('whatsapp');
  expect(await post(url, webhook)).toMatchObject({ status: 200, accepted: 'stored' });
  expect(await post(url, webhook)).toMatchObject({ status: 200, accepted: 'duplicate' });

  const postgres = Number(readFileSync(join(pm2.root, 'data/postgres/postmaster.pid'), 'utf8').split('\n')[0]);
  expect(isRunning(postgres)).toBe(true);
  await pm2.run('stop', 'webhook-gateway');
  // Gone when the command returns: the daemon itself stopped it.
  expect(isRunning(postgres)).toBe(false);
  expect(pm2.log()).toContain('exited with code [0]');
  await pm2.run('kill');
  await ended(pids(processes));
});

test('gives up after a few tries where the configuration is at fault, and takes up the corrected one', async () => {
  const { pm2, url } = await installWithDatabase({ WEB_CONCURRENCY: '1' });
  const dotEnv = join(pm2.root, '.env');
  writeFileSync(dotEnv, 'BATCH_FLIGHTS=many\n');
  await pm2.run('start', 'ecosystem.config.cjs');
  // `pm2 ls` says "waiting restart" of it, PM2's log "errored", and there is no further try: PM2 forgets the time of the
  // first start only when it gives up, and sets it again at a start.
  const [given] = await until('the end of the tries', async () => {
    const processes = await pm2.processes();
    return processes[0]?.createdAt === null ? processes : null;
  });
  expect(given).toMatchObject({ pid: 0, restarts: 5 });
  expect(pm2.log()).toContain('had too many unstable restarts (6). Stopped.');
  expect(pm2.appLog().match(/ {2}- BATCH_FLIGHTS: /g)).toHaveLength(6);

  writeFileSync(dotEnv, 'BATCH_FLIGHTS=3\n');
  await pm2.run('restart', 'webhook-gateway');
  expect(await pm2.processes()).toMatchObject([{ status: 'online', restarts: 5 }]);
  expect(await post(url, fresh('stripe'))).toMatchObject({ status: 200, accepted: 'stored' });
});

test('runs in the foreground with pm2-runtime and stops on SIGINT', async () => {
  const { database, pm2, url } = await installWithDatabase({ INGEST_MAX_BYTES: String(64 * MIB) });
  const runtime = pm2.runtime();
  await until('the gateway', () => answers(url));
  const processes = await until('both workers', async () => {
    const all = await pm2.processes();
    return all.length === 2 && all.every(online) ? all : null;
  });
  expect(processes[0]?.memoryLimit).toBe(314 * MIB);
  const webhook = fresh('stripe');
  expect((await post(url, webhook)).status).toBe(200);

  runtime.kill('SIGINT');
  expect(await once(runtime, 'exit')).toEqual([0, null]);
  await ended(pids(processes));
  const stored = await database.query<{ dedupe_key: string }>('SELECT dedupe_key FROM events');
  expect(stored.map((row) => row.dedupe_key)).toEqual(keysOf(webhook));
});
