import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { examine } from '../../src/cli/doctor/examine.ts';
import type { Finding, Level, Section } from '../../src/cli/doctor/finding.ts';
import { isHealthy, reportAsJson } from '../../src/cli/doctor/report.ts';
import { describeRows } from '../../src/cli/doctor/row-counts.ts';
import { newEncryptionKey } from '../../src/core/secret-box.ts';
import { createSharedPrisma } from '../../src/storage/postgres/prisma.ts';
import { type CommandOptions, runCommand } from '../support/command.ts';
import { type Daemon, openTempDirectory, startDaemon } from '../support/daemon.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { freePort } from '../support/free-port.ts';
import { installForEverybody } from '../support/installed-package.ts';
import { readMetric } from '../support/metrics.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { describeWithRedisServer } from '../support/redis-suites.ts';
import { until } from '../support/until.ts';
import { fresh, PROVIDER_ENVIRONMENT, post, SECRETS } from '../support/webhooks.ts';

interface Diagnosis {
  readonly code: number | null;
  readonly healthy: boolean;
  readonly raw: string;
  /** Findings of a section of the report. */
  of(section: string): readonly Finding[];
  texts(section: string): readonly string[];
  /** Everything of that level, in any section. */
  all(level: Level): readonly Finding[];
}

/** The command, as an operator runs it. */
async function runDoctor(
  env: Record<string, string>,
  options: Pick<CommandOptions, 'cwd' | 'as'> = {},
): Promise<Diagnosis> {
  const { code, stdout, stderr } = await runCommand('doctor', { args: ['--json'], env, ...options });
  expect(stderr).toBe('');
  return diagnosisOf(code, stdout);
}

/** What the command finds and prints, without a process for it: those take half a second of a core each. */
async function diagnose(env: Record<string, string>): Promise<Diagnosis> {
  const sections = await examine({ DATA_DIR: join(temporaryDirectory(), 'data'), ...env });
  return diagnosisOf(isHealthy(sections) ? 0 : 1, reportAsJson(sections));
}

function diagnosisOf(code: number | null, raw: string): Diagnosis {
  const report = JSON.parse(raw) as { healthy: boolean; sections: Section[] };
  const of = (name: string): readonly Finding[] =>
    report.sections.find((section) => section.name === name)?.findings ?? [];
  return {
    code,
    healthy: report.healthy,
    raw,
    of,
    texts: (name) => of(name).map(({ text }) => text),
    all: (level) => report.sections.flatMap(({ findings }) => findings).filter((finding) => finding.level === level),
  };
}

/** In a test of something else PostgreSQL need not be there. */
const noDatabase = async () => ({ DATABASE_URL: `postgresql://user:hunter2@127.0.0.1:${await freePort()}/gateway` });

const directories: string[] = [];
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

function temporaryDirectory(): string {
  const directory = openTempDirectory('gateway-doctor-');
  directories.push(directory);
  return directory;
}

describe('npm run doctor, beside a daemon on its own PostgreSQL', () => {
  let daemon: Daemon;
  const look = () => diagnose({ DATA_DIR: daemon.dataDir, PORT: '0' });
  beforeAll(async () => {
    // On a busy machine the default would now and then be over, and the webhook spooled.
    daemon = await startDaemon({ COMMIT_TIMEOUT_MS: '30000' });
  });
  afterAll(() => daemon.dispose());

  it('finds everything in order, and counts what is stored', async () => {
    const env = { DATA_DIR: daemon.dataDir };
    expect((await runCommand('send', { args: ['stripe', '--count', '2'], env })).code).toBe(0);

    await until('the events to be dispatched', () =>
      readMetric(daemon.url, 'webhook_dispatched_total{outcome="projected"}').then((events) => events === 2),
    );

    const { code, healthy, texts, all } = await runDoctor({ DATA_DIR: daemon.dataDir, PORT: '0' });
    expect(all('fault')).toEqual([]);
    expect({ code, healthy }).toEqual({ code: 0, healthy: true });
    expect(texts('configuration')).toEqual(['valid: NODE_ENV=development, ROLE=all']);
    expect(texts('private PostgreSQL')).toEqual([
      expect.stringMatching(/^running in .*\/data\/postgres on port \d+ \(pid \d+\)$/),
    ]);
    expect(texts('database')).toEqual([
      expect.stringMatching(/^127\.0\.0\.1:\d+\/gateway answers in [\d.]+ ms, PostgreSQL 18\.\d+$/),
      'the tables are up to date',
      'commits are durable',
      'rows: webhook_requests 2, events 2, event_dispatch 0, webhook_gateway 1',
      'every event is dispatched',
      expect.stringMatching(
        /^retention: requests 30 days, events 400 days; oldest request [\d-]+, oldest event [\d-]+; removed 0 requests, 0 events$/,
      ),
      'destinations: 0, and their secrets can be decrypted',
    ]);
    expect(texts('Redis')).toEqual(['REDIS_URL is not set: each process remembers duplicates in its memory']);
    expect(texts('daemon')).toEqual([
      expect.stringMatching(`^running \\(pid ${daemon.pid}\\), version [\\d.]+: ${daemon.url}$`),
      'ready: a webhook would be stored now',
    ]);
  });

  it('says where secrets come from, and prints none of them', async () => {
    const { texts, raw } = await look();
    const directory = join(daemon.dataDir, 'secrets');
    expect(texts('secrets')).toEqual([
      `META_APP_SECRET: generated, in ${directory}/META_APP_SECRET`,
      `META_VERIFY_TOKEN: generated, in ${directory}/META_VERIFY_TOKEN`,
      `STRIPE_WEBHOOK_SECRET: generated, in ${directory}/STRIPE_WEBHOOK_SECRET`,
      `ENCRYPTION_KEYS: generated, in ${directory}/ENCRYPTION_KEYS`,
      `ADMIN_API_KEY: generated, in ${directory}/ADMIN_API_KEY`,
    ]);
    const state = JSON.parse(readFileSync(join(daemon.dataDir, 'embedded-postgres.json'), 'utf8'));
    expect(raw).not.toContain(state.password);
    for (const name of readdirSync(directory)) {
      expect(raw).not.toContain(readFileSync(join(directory, name), 'utf8').trim());
    }
  });

  it('prints the same for people, with the outcome in the last line', async () => {
    const { code, stdout } = await runCommand('doctor', { env: { DATA_DIR: daemon.dataDir, PORT: '0' } });
    expect(stdout).toMatch(
      /^configuration\n {2}ok {7}valid: NODE_ENV=development, ROLE=all\n\nsecrets\n {2}ok {7}META_/,
    );
    expect(stdout).toMatch(/\ndaemon\n {2}ok {7}running .*\n {2}ok {7}ready: .*\n\n0 faults, \d+ warnings?\.\n$/);
    expect(code).toBe(0);
  });

  it('reports a server that a killed daemon left running, and then a daemon that is just not started', async () => {
    await daemon.kill();
    const killed = await look();
    expect(killed.of('private PostgreSQL')[1]).toEqual({
      level: 'warning',
      text: 'a daemon that was killed left it running',
      advice: '`npm start` takes it over.',
    });
    expect(killed.texts('daemon')).toEqual([
      `not running on this DATA_DIR; daemon.json was left by one that was killed (pid ${daemon.pid}): \`npm start\``,
    ]);
    expect(killed.code).toBe(0);

    const next = await startDaemon({}, { dataDir: daemon.dataDir });
    await next.stop();
    const stopped = await look();
    await next.dispose();
    expect(stopped.texts('private PostgreSQL')).toEqual([
      expect.stringMatching(/^not running in .*: `npm start` starts it with the daemon$/),
    ]);
    expect(stopped.texts('database')).toEqual(['not looked at: its server does not take connections']);
    expect(stopped.all('fault')).toEqual([]);
    expect(stopped.code).toBe(0);
  });
});

describe('npm run doctor, with a database of one’s own', () => {
  let database: TestDatabase | undefined;
  afterEach(async () => {
    await database?.drop();
    database = undefined;
  });

  it('tells of migrations that are pending: a fault where the daemon does not apply them', async () => {
    database = await createDatabase({ migrated: false });
    const DATABASE_URL = database.url;
    const [byHand, byDaemon] = await Promise.all([
      diagnose({ DATABASE_URL, MIGRATE_ON_START: 'false', PORT: '0' }),
      diagnose({ DATABASE_URL, PORT: '0' }),
    ]);
    expect(byHand.all('fault')).toEqual([
      {
        level: 'fault',
        text: expect.stringMatching(/^migrations are pending: 20261120000000_initial/),
        advice: expect.stringContaining('Run `npm run migrate`'),
      },
    ]);
    expect(byHand.code).toBe(1);
    expect(byDaemon.of('database')).toContainEqual({
      level: 'warning',
      text: expect.stringMatching(/^migrations are pending/),
      advice: expect.stringContaining('The next start applies them'),
    });
    expect(byDaemon.code).toBe(0);
    expect(byDaemon.texts('database').at(-1)).toContain('events does not exist');
    expect(await database.query("SELECT FROM pg_tables WHERE schemaname = 'public'")).toEqual([]);
  });

  it('says what to do where PostgreSQL is away, or has no such database, and shows no password', async () => {
    database = await createDatabase({ migrated: false });
    const missing = new URL(database.url);
    missing.pathname = 'nowhere';
    const env = await noDatabase();
    const [away, absent] = await Promise.all([
      diagnose({ ...env, PORT: '0' }),
      diagnose({ DATABASE_URL: missing.toString(), PORT: '0' }),
    ]);
    const { host } = new URL(env.DATABASE_URL);
    expect(away.all('fault')).toEqual([
      {
        level: 'fault',
        text: `${host}/gateway: Cannot connect to PostgreSQL: connect ECONNREFUSED ${host}`,
        advice: expect.stringContaining('See that PostgreSQL runs'),
      },
    ]);
    expect(away.raw).not.toContain('hunter2');
    expect(away.code).toBe(1);
    expect(absent.all('fault')[0]?.text).toContain('Create the database, or correct its name in DATABASE_URL');
    expect(absent.raw).not.toContain(missing.password);
    expect(absent.code).toBe(1);
  });

  it('tells that a daemon spools, why, and how much waits', async () => {
    const env = { ...(await noDatabase()), ...PROVIDER_ENVIRONMENT };
    const daemon = await startDaemon(env, { wait: 'listening' });
    const before = await diagnose({ ...env, DATA_DIR: daemon.dataDir });
    expect(before.texts('spool')[0]).toBe('nothing waits for PostgreSQL');
    for (let sent = 0; sent < 3; sent++) expect((await post(daemon.url, fresh('stripe'))).accepted).toBe('spooled');
    const { of, code } = await diagnose({ ...env, DATA_DIR: daemon.dataDir });
    await daemon.dispose();
    expect(of('daemon')).toEqual([
      expect.objectContaining({ level: 'ok', text: expect.stringContaining(`running (pid ${daemon.pid})`) }),
      expect.objectContaining({
        level: 'warning',
        text: expect.stringMatching(/^ready, and spooling: .*ECONNREFUSED/),
      }),
    ]);
    expect(of('spool')).toEqual([
      expect.objectContaining({
        level: 'warning',
        text: expect.stringMatching(/^webhooks wait for PostgreSQL: 0\.0 MiB/),
      }),
      expect.objectContaining({ level: 'warning', text: expect.stringMatching(/spool_records 3.*breaker_open 1/) }),
    ]);
    expect(code).toBe(1);
  });

  it('finds what was put aside, by files alone', async () => {
    const dataDir = temporaryDirectory();
    const spool = join(dataDir, 'spool', 'left-by-somebody');
    mkdirSync(spool, { recursive: true });
    for (const name of ['a.rejected', 'b.rejected', 'c.corrupt']) writeFileSync(join(spool, name), 'x');
    const { of } = await diagnose({ ...(await noDatabase()), DATA_DIR: dataDir, PORT: '0' });
    expect(of('spool').map(({ level, text }) => `${level}: ${text}`)).toEqual([
      'ok: nothing waits for PostgreSQL',
      expect.stringMatching(/^warning: webhooks that PostgreSQL refused were put aside: .*a\.rejected and 1 more/),
      expect.stringMatching(/^warning: damaged bytes of the spool were put aside: .*c\.corrupt/),
    ]);
  });

  it('warns of a database that takes no rows, and of one that can lose them', async () => {
    database = await createDatabase();
    await database.query(`ALTER DATABASE ${database.name} SET default_transaction_read_only = on`);
    const { of, code } = await diagnose({ DATABASE_URL: database.url, PORT: '0' });
    expect(of('database')).toContainEqual({
      level: 'fault',
      text: 'the server takes no rows: it is read-only',
      advice: 'Point DATABASE_URL at the primary server.',
    });
    expect(code).toBe(1);
    // The shared server usually runs without fsync.
    const [setting] = await database.query<{ fsync: string }>('SHOW fsync');
    const warned = of('database').some(({ level, text }) => level === 'warning' && text.includes('fsync = off'));
    expect(warned).toBe(setting?.fsync === 'off');
  });

  it('counts small tables and estimates large ones', async () => {
    database = await createDatabase();
    await database.query('ALTER TABLE events SET (autovacuum_enabled = off)');
    await database.query(`
      INSERT INTO events (id, request_id, source, provider, type, dedupe_key, received_at)
      SELECT gen_random_uuid(), gen_random_uuid(), 'stripe', 'stripe', 'x', 'key:' || n, now()
        FROM generate_series(1, 1234) AS n`);
    const { prisma, close } = createSharedPrisma(
      { databaseUrl: database.url, applicationName: 'test', connectTimeoutMs: 5_000, queryTimeoutMs: 5_000 },
      1,
    );
    expect(await describeRows(prisma)).toContain('events 1,234,');
    expect(await describeRows(prisma, 0)).toContain('events not counted (0 MiB)');
    await database.query('ANALYZE events');
    expect(await describeRows(prisma, 0)).toContain('events about 1,234,');
    await close();
  });
});

describe('npm run doctor, on configuration, secrets and disk', () => {
  it('lists every fault of a broken configuration, as the daemon does', async () => {
    const env = { PORT: 'x', LOG_LEVEL: 'y', NODE_ENV: 'production', META_APP_SECRET: 'hunter2' };
    const [{ code, of, all, raw }, daemon] = await Promise.all([runDoctor(env), runCommand('daemon', { env })]);
    const faults = all('fault').map(({ text }) => text);
    expect(faults).toHaveLength(3);
    for (const fault of faults) expect(daemon.stderr).toContain(`  - ${fault}\n`);
    expect(of('configuration').at(-1)?.text).toContain('other checks are left out');
    expect(code).toBe(1);
    expect(raw).not.toContain('hunter2');
  });

  it('reads .env of its directory, which never overrides; but not under vitest', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, '.env'), 'LOG_LEVEL=from-dotenv\nPORT=from-dotenv\n');
    const [plain, overridden, tested] = await Promise.all([
      runDoctor({}, { cwd: directory }),
      runDoctor({ LOG_LEVEL: 'info' }, { cwd: directory }),
      runDoctor({ VITEST: 'true', ...(await noDatabase()) }, { cwd: directory }),
    ]);
    expect(plain.all('fault').map(({ text }) => text.split(':')[0])).toEqual(['PORT', 'LOG_LEVEL']);
    expect(overridden.all('fault').map(({ text }) => text.split(':')[0])).toEqual(['PORT']);
    expect(tested.texts('configuration')).toEqual(['valid: NODE_ENV=development, ROLE=all']);
  });

  it('tells secrets that are set, in a file, missing or strange from each other', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'token');
    writeFileSync(file, 'token-one,token-two\n');
    const base = { ...(await noDatabase()), PORT: '0' };
    const [production, first] = await Promise.all([
      diagnose({ ...base, NODE_ENV: 'production', META_APP_SECRET: SECRETS.whatsapp, META_VERIFY_TOKEN_FILE: file }),
      diagnose({ ...base, STRIPE_WEBHOOK_SECRET: `sk_live_hunter2,${SECRETS.stripe}`, ADMIN_API_KEY: 'x'.repeat(16) }),
    ]);
    expect(production.texts('secrets')).toEqual([
      'META_APP_SECRET: set, 1 value',
      'META_VERIFY_TOKEN: from META_VERIFY_TOKEN_FILE, 2 values',
      'STRIPE_WEBHOOK_SECRET: not set, Stripe is not served',
      'ENCRYPTION_KEYS: not set, no destination can have a secret',
      'ADMIN_API_KEY: not set, the API takes keys of its table only',
    ]);
    expect(first.texts('secrets')).toEqual([
      'META_APP_SECRET: missing, the first start generates one',
      'META_VERIFY_TOKEN: missing, the first start generates one',
      'STRIPE_WEBHOOK_SECRET: set, 2 values',
      'STRIPE_WEBHOOK_SECRET: a value does not begin with whsec_',
      'ENCRYPTION_KEYS: missing, the first start generates one',
      'ADMIN_API_KEY: set',
    ]);
    const secrets = [SECRETS.whatsapp, SECRETS.stripe, 'hunter2', 'token-one', 'token-two', 'x'.repeat(16)];
    for (const secret of secrets) expect(production.raw + first.raw).not.toContain(secret);
  });

  it('finds generated secrets that others may read, or that are empty', async () => {
    const dataDir = join(temporaryDirectory(), 'data');
    const secrets = join(dataDir, 'secrets');
    mkdirSync(secrets, { recursive: true });
    writeFileSync(join(secrets, 'META_APP_SECRET'), 'hunter2\n');
    chmodSync(join(secrets, 'META_APP_SECRET'), 0o644);
    writeFileSync(join(secrets, 'META_VERIFY_TOKEN'), '', { mode: 0o600 });
    const { of, raw } = await diagnose({ ...(await noDatabase()), DATA_DIR: dataDir, PORT: '0' });
    expect(of('secrets')).toContainEqual({
      level: 'warning',
      text: 'META_APP_SECRET: other users of this machine may read it',
      advice: `chmod 600 ${secrets}/META_APP_SECRET`,
    });
    expect(of('secrets')).toContainEqual({
      level: 'fault',
      text: `META_VERIFY_TOKEN: ${secrets}/META_VERIFY_TOKEN is empty. Remove it, and the next start generates another.`,
    });
    expect(of('secrets')).toContainEqual({
      level: 'ok',
      text: 'STRIPE_WEBHOOK_SECRET: missing, the first start generates one',
    });
    expect(raw).not.toContain('hunter2');
  });

  it('looks at the place where DATA_DIR would be made, and makes nothing', async () => {
    const directory = temporaryDirectory();
    const dataDir = join(directory, 'to', 'be', 'made');
    writeFileSync(join(directory, 'file'), '');
    const [fresh, blocked] = await Promise.all([
      diagnose({ DATA_DIR: dataDir, PORT: '0' }),
      diagnose({ ...(await noDatabase()), DATA_DIR: join(directory, 'file', 'data'), PORT: '0' }),
    ]);
    expect(fresh.texts('data directory')).toEqual([
      `${dataDir} does not exist yet: the first start makes it`,
      expect.stringMatching(`^[\\d.]+ GiB free on the disk of ${directory}$`),
    ]);
    expect(fresh.texts('private PostgreSQL')).toEqual([`no cluster yet, \`npm start\` makes one: ${dataDir}/postgres`]);
    expect(fresh.code).toBe(0);
    expect(readdirSync(directory)).toEqual(['file']);
    expect(blocked.of('data directory')).toEqual([
      { level: 'fault', text: `${directory}/file is a file`, advice: 'Set DATA_DIR to a directory.' },
    ]);
  });

  it('calls a DATA_DIR that cannot be written a fault only where the daemon needs one', async () => {
    const cwd = temporaryDirectory();
    chmodSync(cwd, 0o555);
    // No mode keeps root out.
    const user = process.geteuid?.() === 0 ? { cwd, as: { uid: 65_534, root: installForEverybody() } } : { cwd };
    if (user.as) directories.push(user.as.root);
    const env = { ...(await noDatabase()), PORT: '0' };
    const ofApi = { ADMIN_API_KEY: 'x'.repeat(16), ENCRYPTION_KEYS: newEncryptionKey() };
    const [needed, idle] = await Promise.all([
      runDoctor(env, user),
      runDoctor({ ...env, ...PROVIDER_ENVIRONMENT, ...ofApi }, user),
    ]);
    const finding = {
      text: `this user cannot make ${cwd}/data`,
      advice: `Let the user of the daemon write to ${cwd} (chown), or set DATA_DIR to another directory.`,
    };
    expect(needed.of('data directory')[0]).toEqual({ level: 'fault', ...finding });
    expect(idle.of('data directory')[0]).toEqual({ level: 'warning', ...finding });
  });

  it('notices that the port is taken, which a start would fail on', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { of } = await diagnose({ ...(await noDatabase()), PORT: String(port) });
    server.close();
    expect(of('daemon')).toContainEqual(
      expect.objectContaining({
        level: 'warning',
        text: `port ${port} is taken, though not by a daemon on this DATA_DIR`,
      }),
    );
  });
});

describeWithRedisServer('npm run doctor, on Redis', () => {
  it('measures it, warns of one that will refuse when full, and finds one that is away', async () => {
    const [redis, base] = await Promise.all([startRedisServer({ args: ['--maxmemory', '8mb'] }), noDatabase()]);
    const env = { ...base, REDIS_URL: redis.url, PORT: '0' };
    const up = await diagnose(env);
    await redis.kill();
    const away = await diagnose({ ...env, REDIS_URL: redis.url.replace('//', '//:hunter2@') });
    await redis.destroy();
    const { host } = new URL(redis.url);
    expect(up.of('Redis')).toEqual([
      { level: 'ok', text: expect.stringMatching(`^${host} answers in [\\d.]+ ms, Redis \\d+\\.`) },
      {
        level: 'warning',
        text: expect.stringContaining('maxmemory is 8 MiB with the policy noeviction'),
        advice: expect.stringContaining('volatile-ttl'),
      },
    ]);
    expect(away.of('Redis')).toEqual([
      {
        level: 'fault',
        text: `${host} cannot be used: ECONNREFUSED`,
        advice: expect.stringContaining('See that Redis runs'),
      },
    ]);
    expect(away.raw).not.toContain('hunter2');
  });
});
