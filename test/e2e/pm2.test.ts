/** The daemon under the real PM2, with the ecosystem file that operators use. */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { freePort } from '../support/free-port.ts';
import { ended, installPm2, isRunning, type Pm2, type Pm2Process } from '../support/pm2.ts';
import { until } from '../support/until.ts';
import { type LoadResult, startWebhookLoad, type WebhookLoad } from '../support/webhook-load.ts';
import { fresh, keysOf, PROVIDER_ENVIRONMENT, post } from '../support/webhooks.ts';

const MIB = 1024 * 1024;
/** The chaos suite reloads more often. */
const RELOADS = Number(process.env['PM2_RELOADS'] ?? 1);

const used: { pm2?: Pm2; database?: TestDatabase } = {};
async function dispose(): Promise<void> {
  await used.pm2?.dispose();
  await used.database?.drop();
  delete used.pm2;
  delete used.database;
}

async function install(env: Readonly<Record<string, string>> = {}): Promise<{ pm2: Pm2; url: string }> {
  const port = String(await freePort());
  const pm2 = installPm2({
    PORT: port,
    LOG_LEVEL: 'warn',
    COMMIT_TIMEOUT_MS: '30000',
    ...PROVIDER_ENVIRONMENT,
    ...env,
  });
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

/** Both workers, once each of them is online and none is the one given. */
function workersWithout(pm2: Pm2, gone: Pm2Process): Promise<Pm2Process[]> {
  return until('another worker in its place', async () => {
    const processes = await pm2.processes();
    return processes.every(online) && !pids(processes).includes(gone.pid) ? processes : null;
  });
}

describe('with DATABASE_URL', () => {
  let pm2: Pm2;
  let url: string;
  let database: TestDatabase;
  beforeAll(async () => {
    ({ pm2, url, database } = await installWithDatabase());
    await pm2.run('start', 'ecosystem.config.cjs');
  }, 120_000);
  afterAll(dispose);

  async function everyAnsweredOneIsStoredOnce({ keptAlive, oneShot }: LoadResult): Promise<void> {
    const stored = await database.query<{ dedupe_key: string }>('SELECT dedupe_key FROM events');
    expect(stored.map((row) => row.dedupe_key).sort()).toEqual([...keptAlive, ...oneShot].sort());
    await database.truncate();
  }

  const timeout = 60_000 + RELOADS * 20_000;
  test(`runs a cluster and reloads it under load without a failed request`, { timeout }, async () => {
    const first = await pm2.processes();
    const worker = { mode: 'cluster_mode', status: 'online', memoryLimit: 506 * MIB, killTimeout: 10_000 };
    expect(first).toMatchObject([worker, worker]);

    const load = startWebhookLoad(url, { keepAlive: 2, oneShot: 2 });
    await until('webhooks from every client', () => load.accepted() > 50);
    for (let reload = 0; reload < RELOADS; reload++) await pm2.run('reload', 'ecosystem.config.cjs');
    const result = await load.stop();
    expect(result.failures).toEqual([]);
    await everyAnsweredOneIsStoredOnce(result);
    const reloaded = await pm2.processes();
    expect(pids(reloaded).filter((pid) => pids(first).includes(pid))).toEqual([]);
    await ended(pids(first));
  });

  test('loses no connection that PM2 hands to a worker while that one stops', async () => {
    // Twice, because which of its tasks PM2 takes up first is not for us to say: one round alone may show nothing.
    for (const round of [0, 1]) {
      const worker = (await pm2.processes())[round] as Pm2Process;
      process.kill(pm2.daemonPid(), 'SIGSTOP');
      let load: WebhookLoad;
      try {
        process.kill(worker.pid, 'SIGINT');
        // They wait in the kernel, and PM2 meets them before the news that the worker has closed its listener.
        load = startWebhookLoad(url, { keepAlive: 0, oneShot: 8 });
        // A worker that goes without asking PM2 is gone by then.
        const end = performance.now() + 2_500;
        await until('the end of the worker, or of its time', () => !isRunning(worker.pid) || performance.now() > end);
      } finally {
        process.kill(pm2.daemonPid(), 'SIGCONT');
      }
      const result = await load.stop();
      expect(result.failures).toEqual([]);
      await everyAnsweredOneIsStoredOnce(result);
      await workersWithout(pm2, worker);
    }
  });

  test('puts another worker in the place of one that was killed, and leaves none behind', async () => {
    const [victim] = (await pm2.processes()) as [Pm2Process];
    process.kill(victim.pid, 'SIGKILL');
    const processes = await workersWithout(pm2, victim);
    expect(processes).toHaveLength(2);
    expect((await post(url, fresh('stripe'))).status).toBe(200);
    await pm2.run('kill');
    await ended(pids(processes));
  });
});

describe('by itself', () => {
  afterEach(dispose);

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
});
