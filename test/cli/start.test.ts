/** The daemon's process: what it says at start, how it refuses to start, and how it stops. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GENERATED_SECRETS } from '../../src/storage/disk/generated-secrets.ts';
import { atExit } from '../support/at-exit.ts';
import { type CommandResult, runCommand } from '../support/command.ts';
import { bareEnvironment, DAEMON_SCRIPT, type Daemon, openTempDirectory, startDaemon } from '../support/daemon.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';
import { fresh, PROVIDER_ENVIRONMENT, post, SECRETS, VERIFY_TOKEN } from '../support/webhooks.ts';

const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
  scripts: { start: string };
};

function logOf(daemon: Pick<Daemon, 'output'>): Record<string, unknown>[] {
  const lines = daemon.output().trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('npm start with an empty environment', () => {
  // One DATA_DIR for the whole suite, as an operator has: each start finds what the one before left.
  let first: Daemon;
  let dataDir: string;
  const secretsIn = (): string[] =>
    GENERATED_SECRETS.map((name) => readFileSync(join(dataDir, 'secrets', name), 'utf8').trim());
  const postgresRuns = (): boolean => existsSync(join(dataDir, 'postgres', 'postmaster.pid'));
  beforeAll(async () => {
    first = await startDaemon({});
    dataDir = first.dataDir;
  });
  afterAll(() => first.dispose());

  it('logs in JSON where no terminal is, with the URLs and without any secret', () => {
    const { url } = first;
    expect(logOf(first)).toContainEqual(
      expect.objectContaining({
        msg: 'the gateway listens',
        url,
        webhooks: [`${url}/webhooks/whatsapp`, `${url}/webhooks/stripe`],
        version: manifest.version,
        role: 'all',
      }),
    );
    expect(logOf(first)).toContainEqual(
      expect.objectContaining({ secrets: [...GENERATED_SECRETS], directory: join(dataDir, 'secrets') }),
    );
    for (const secret of secretsIn()) expect(first.output()).not.toContain(secret);
  });

  it('keeps the generated secrets from other users', () => {
    const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
    expect(mode(join(dataDir, 'secrets'))).toBe('700');
    expect(readdirSync(join(dataDir, 'secrets')).sort()).toEqual([...GENERATED_SECRETS].sort());
    for (const name of GENERATED_SECRETS) expect(mode(join(dataDir, 'secrets', name)), name).toBe('600');
    expect(mode(join(dataDir, 'daemon.json'))).toBe('600');
  });

  it('leaves a second daemon on the same DATA_DIR alone, which says whose it is', async () => {
    const second = await runCommand('daemon', { env: { DATA_DIR: dataDir, PORT: '0', LOG_LEVEL: 'warn' } });
    expect(second).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        `^Another daemon, or a command such as rebuild \\(pid ${first.pid}\\), uses ${dataDir}: let it end or stop it`,
      ),
    });
    expect((await fetch(`${first.url}/ready`)).status).toBe(200);
  });

  it('ends on SIGTERM with 0, and leaves neither daemon.json nor a PostgreSQL', async () => {
    expect(existsSync(join(dataDir, 'daemon.json'))).toBe(true);
    expect(postgresRuns()).toBe(true);
    expect(await first.stop('SIGTERM')).toBe(0);
    expect(existsSync(join(dataDir, 'daemon.json'))).toBe(false);
    expect(postgresRuns()).toBe(false);
    expect(logOf(first).at(-1)).toMatchObject({ msg: 'stopped' });
  });

  it('exits with 1 where its port is taken, and stops the PostgreSQL that it had started', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    // A busy machine may bring warnings of workers that got no connection yet.
    const env = { DATA_DIR: dataDir, PORT: String(port), LOG_LEVEL: 'error' };
    expect(await runCommand('daemon', { env })).toEqual({
      code: 1,
      stdout: '',
      stderr: `PORT: port ${port} is taken. Stop what uses it, or set PORT to another.\n`,
    });
    server.close();
    expect(postgresRuns()).toBe(false);
  });

  it('greets on a terminal with what one needs next, and ends on Ctrl-C with 0', async () => {
    const secrets = secretsIn();
    await onTerminal({ DATA_DIR: dataDir, PORT: '0' }, async (terminal) => {
      const text = await terminal.waitFor('gateway -- events');
      const [, url] = /Webhook gateway [\d.]+ listens on (http:\/\/127\.0\.0\.1:\d+)\n/.exec(text) ?? [];
      expect(text).toContain(
        [
          `Webhook gateway ${manifest.version} listens on ${url}`,
          `  database   embedded PostgreSQL in ${join(dataDir, 'postgres')}`,
          '  cache      in memory (REDIS_URL is not set)',
          `  secrets    generated, in ${dataDir}/secrets`,
          `  whatsapp   ${url}/webhooks/whatsapp`,
          `  stripe     ${url}/webhooks/stripe`,
          `  API        ${url}/api/v1  (key: ${dataDir}/secrets/ADMIN_API_KEY)`,
          '',
          'Try it from another terminal:  npm run send -- whatsapp',
          'and see what has arrived:      npm run --silent gateway -- events',
        ].join('\n'),
      );
      expect(text).not.toContain('{"level"');
      expect(secretsIn()).toEqual(secrets);
      for (const secret of secrets) expect(text).not.toContain(secret);

      terminal.type('\x03');
      expect(await terminal.daemonExited()).toBe(0);
      expect(terminal.text()).toMatch(/stopping[\s\S]*stopped/);
      expect(terminal.text()).not.toContain('second signal');
      expect(postgresRuns()).toBe(false);
    });
  });
});

describe('the daemon, on a database of one’s own', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase();
  });
  afterAll(() => database.drop());

  it('takes secrets from files and neither generates nor prints any', async () => {
    const directory = openTempDirectory('gateway-start-');
    const files = Object.entries({ ...PROVIDER_ENVIRONMENT, DATABASE_URL: database.url }).map(([name, value]) => {
      const path = join(directory, name);
      writeFileSync(path, `${value}\n`);
      return [`${name}_FILE`, path] as const;
    });
    const daemon = await startDaemon({
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      COMMIT_TIMEOUT_MS: '30000',
      ...Object.fromEntries(files),
    });
    const answers = await Promise.all([post(daemon.url, fresh('stripe')), post(daemon.url, fresh('whatsapp'))]);
    expect(answers.map(({ accepted }) => accepted)).toEqual(['stored', 'stored']);
    expect(existsSync(join(daemon.dataDir, 'secrets'))).toBe(false);
    expect(await daemon.stop('SIGINT')).toBe(0);
    const secrets = [...Object.values(SECRETS), VERIFY_TOKEN, new URL(database.url).password];
    for (const secret of secrets.filter((text) => text !== '')) expect(daemon.output()).not.toContain(secret);
    await daemon.dispose();
    rmSync(directory, { recursive: true, force: true });
  });

  it.each([
    ['that of ADMIN_API_KEY', 'key: that of ADMIN_API_KEY', { ADMIN_API_KEY: 'sixteen letters or more' }],
    ['one made before, where there is none', 'ADMIN_API_KEY is not set: only keys made before open it', {}],
  ])('says on a terminal which key opens the API: %s', async (_, said, key) => {
    const env = { NODE_ENV: 'production', HOST: '127.0.0.1', PORT: '0', DATABASE_URL: database.url };
    await onTerminal({ ...PROVIDER_ENVIRONMENT, ...env, ...key }, async (terminal) => {
      const text = await terminal.waitFor(said);
      expect(text).toContain(`/api/v1  (${said})\n`);
      expect(text).not.toContain('sixteen letters');
      terminal.type('\x03');
      expect(await terminal.daemonExited()).toBe(0);
      expect(terminal.text()).not.toContain('npm run send');
    });
  });

  it('warns of a variable that is hardly meant as it is written, in .env too, and tells no value', async () => {
    const cwd = openTempDirectory('gateway-misspelt-');
    writeFileSync(join(cwd, '.env'), 'META_APP_SECERT=from-the-file\n');
    const { META_APP_SECRET: _, ...others } = PROVIDER_ENVIRONMENT;
    const env = { ...others, DATABASE_URL: database.url, REDIS_ULR: 'redis://:in-the-environment@localhost' };
    const daemon = await startDaemon(env, { cwd });
    const warnings = logOf(daemon).filter(({ msg }) => String(msg).includes('no variable of the gateway'));
    expect(warnings).toEqual([
      expect.objectContaining({
        level: 40,
        msg: expect.stringMatching(/^META_APP_SECERT .* is META_APP_SECRET meant\?$/),
      }),
      expect.objectContaining({ level: 40, msg: expect.stringMatching(/^REDIS_ULR .* is REDIS_URL meant\?$/) }),
    ]);
    for (const value of ['from-the-file', 'in-the-environment']) expect(daemon.output()).not.toContain(value);
    await daemon.dispose();
    rmSync(cwd, { recursive: true, force: true });
  });

  it('exits with 1 at once on a second signal', async () => {
    const env = { ...PROVIDER_ENVIRONMENT, DATABASE_URL: database.url };
    const slow = { SHUTDOWN_DELAY_MS: '60000', SHUTDOWN_TIMEOUT_MS: '300000' };
    const daemon = await startDaemon({ ...env, ...slow });
    daemon.child.kill('SIGTERM');
    await until('the daemon is stopping', () => daemon.output().includes('"msg":"stopping"'));
    const ready = await fetch(`${daemon.url}/ready`);
    expect(ready.status).toBe(503);
    expect(existsSync(join(daemon.dataDir, 'daemon.json'))).toBe(false);
    expect(await daemon.stop('SIGTERM')).toBe(1);
    expect(daemon.output()).toContain('second signal');
    await daemon.dispose();
  });

  it('exits with 1 where a stop takes longer than it may', async () => {
    const env = { ...PROVIDER_ENVIRONMENT, DATABASE_URL: database.url };
    const daemon = await startDaemon({ ...env, SHUTDOWN_DELAY_MS: '99', SHUTDOWN_TIMEOUT_MS: '100' });
    expect(await daemon.stop('SIGTERM')).toBe(1);
    expect(daemon.output()).toContain('SHUTDOWN_TIMEOUT_MS');
    await daemon.dispose();
  });
});

describe('the daemon, with a configuration that cannot work', () => {
  const start = (env: Record<string, string>): Promise<CommandResult> => runCommand('daemon', { env });

  it('exits with 1 and lists every fault', async () => {
    const { code, stdout, stderr } = await start({ NODE_ENV: 'production', PORT: 'x', TRUST_PROXY: 'y', ROLE: 'z' });
    expect(stderr).toMatch(/^The configuration has 4 faults:\n( {2}- .+\n){4}$/);
    for (const name of ['PORT', 'TRUST_PROXY', 'ROLE', 'META_APP_SECRET, STRIPE_WEBHOOK_SECRET']) {
      expect(stderr).toContain(`  - ${name}: `);
    }
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });

  it('exits with 1 where HOST is no address of this machine', async () => {
    const database = await createDatabase();
    const env = { ...PROVIDER_ENVIRONMENT, DATABASE_URL: database.url, HOST: '192.0.2.1', LOG_LEVEL: 'error' };
    const { code, stderr } = await start(env);
    await database.drop();
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'HOST: 192.0.2.1 is no address of this machine.\n' });
  });

  it('exits with 1 where DATA_DIR cannot be made', async () => {
    const { code, stdout, stderr } = await start({ DATA_DIR: `${DAEMON_SCRIPT}/data`, PORT: '0' });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('cannot be started');
    expect(stderr).not.toContain('    at ');
  });
});

interface Terminal {
  /** Everything shown so far, with plain line ends. */
  text(): string;
  /** Resolves to the text once it contains this. */
  waitFor(what: string): Promise<string>;
  /** `\x03` is Ctrl-C: the terminal sends SIGINT to every process in the foreground. */
  type(keys: string): void;
  /**
   * Resolves to the exit code of the daemon itself when `npm start` has ended. Npm's own is 130 after Ctrl-C where its
   * shell, which was sent the signal as well, makes it so.
   */
  daemonExited(): Promise<number>;
}

/** Leaves a file that holds the daemon's exit code. Npm is a Node process too, and loads this as well. */
const RECORD_EXIT_CODE = `
import { writeFileSync } from 'node:fs';
if (process.argv[1]?.endsWith('main.js')) process.on('exit', (code) => writeFileSync('exit-code', String(code)));
`;

/** Runs `npm start` on a pseudo-terminal, which util-linux's `script` provides. */
async function onTerminal(env: Record<string, string>, use: (terminal: Terminal) => Promise<void>): Promise<void> {
  if (!spawnSync('script', ['--version']).stdout?.toString().includes('util-linux')) {
    if (process.env['CI'] === 'true') throw new Error('needs script of util-linux on the PATH');
    return;
  }
  // The script of package.json without the build before it, which would replace files that other tests are running.
  const cwd = openTempDirectory('gateway-terminal-');
  const start = manifest.scripts.start.replace('dist/main.js', JSON.stringify(DAEMON_SCRIPT));
  writeFileSync(join(cwd, 'package.json'), JSON.stringify({ scripts: { start } }));
  writeFileSync(join(cwd, 'record-exit-code.mjs'), RECORD_EXIT_CODE);
  const NODE_OPTIONS = `--import=${pathToFileURL(join(cwd, 'record-exit-code.mjs'))}`;
  const child: ChildProcess = spawn('script', ['-qec', 'npm start --no-update-notifier', '/dev/null'], {
    cwd,
    env: bareEnvironment({ TERM: 'dumb', NODE_OPTIONS, ...env }),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    shown += text.replaceAll('\r', '');
  });
  const exited = once(child, 'close');
  child.once(
    'exit',
    atExit(() => child.kill('SIGKILL')),
  );
  try {
    await use({
      text: () => shown,
      waitFor: (what) => until(`the terminal shows ${what}`, () => shown.includes(what) && shown),
      type: (keys) => void child.stdin?.write(keys),
      async daemonExited() {
        await exited;
        return Number(readFileSync(join(cwd, 'exit-code'), 'utf8'));
      },
    });
  } catch (error) {
    throw new Error(`on the terminal:\n${shown}`, { cause: error });
  } finally {
    // Its end hangs up the terminal, and with it what still runs there.
    child.kill('SIGKILL');
    await exited;
    rmSync(cwd, { recursive: true, force: true });
  }
}
