/** `npm run rebuild` as operators run it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Dispatcher } from '../../src/dispatch/dispatcher.ts';
import { projectors } from '../../src/providers/projectors.ts';
import { readEmbeddedState } from '../../src/storage/postgres/embedded/embedded-state.ts';
import { runCommand } from '../support/command.ts';
import { bareEnvironment, DAEMON_SCRIPT, type Daemon, openTempDirectory, startDaemon } from '../support/daemon.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { openDispatch } from '../support/dispatch.ts';
import { startTestGateway } from '../support/gateway.ts';
import { allDispatched, type Query } from '../support/undispatched.ts';
import { until } from '../support/until.ts';
import { fresh, PROVIDER_ENVIRONMENT, post } from '../support/webhooks.ts';

const LOG_LEVEL = 'warn';
/** On a busy machine the default would now and then be over, and the webhook spooled. */
const COMMIT_TIMEOUT_MS = '30000';
const FINISHED =
  /^Rebuilding all projections: the tables are emptied and filled again\.\nFinished: 20 events in \d+ s \([\d,]+ a second\)\.\n$/;

async function send(url: string): Promise<void> {
  const webhooks = Array.from({ length: 20 }, (_, index) => fresh(index % 2 === 0 ? 'stripe' : 'whatsapp'));
  for (const webhook of webhooks) expect((await post(url, webhook)).accepted).toBe('stored');
}

const payments = async (query: Query) =>
  (await query(`SELECT to_jsonb(p) - 'updated_at' AS row FROM stripe_payments p ORDER BY id`)).map(({ row }) => row);

describe('on the embedded PostgreSQL', () => {
  let daemon: Daemon;
  let live: unknown[];
  afterAll(() => daemon?.dispose());

  async function query(sql: string): Promise<unknown[]> {
    const { port, password } = (await readEmbeddedState(daemon.dataDir)) as { port: number; password: string };
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', password, database: 'gateway' });
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  }
  const rebuild = (...args: string[]) =>
    runCommand('rebuild', { args, env: { ...PROVIDER_ENVIRONMENT, DATA_DIR: daemon.dataDir, LOG_LEVEL } });

  it('works beside the daemon that runs on it', async () => {
    daemon = await startDaemon({ ...PROVIDER_ENVIRONMENT, LOG_LEVEL, COMMIT_TIMEOUT_MS });
    await send(daemon.url);
    await until('all to be dispatched', () => allDispatched(query as Query));
    live = await payments(query as Query);
    expect(live).toHaveLength(10);
    await query(`UPDATE stripe_payments SET status = 'wrong'`);
    expect(await rebuild()).toEqual({ code: 0, stdout: expect.stringMatching(FINISHED), stderr: '' });
    expect(await payments(query as Query)).toEqual(live);
  });

  it('starts the server where no daemon runs, and stops it again', async () => {
    await query(`UPDATE stripe_payments SET status = 'wrong'`);
    await daemon.stop();
    expect(await rebuild()).toEqual({ code: 0, stdout: expect.stringMatching(FINISHED), stderr: '' });
    daemon = await startDaemon({ ...PROVIDER_ENVIRONMENT, LOG_LEVEL }, { dataDir: daemon.dataDir });
    expect(await payments(query as Query)).toEqual(live);
  });

  it('makes no database where there is none', async () => {
    const result = await runCommand('rebuild', { env: { ...PROVIDER_ENVIRONMENT, LOG_LEVEL } });
    expect(result).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^There is no database in .*data: set/),
    });
  });
});

describe('on the database of DATABASE_URL', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase();
    const gateway = await startTestGateway({ DATABASE_URL: database.url, ROLE: 'ingest' });
    await send(gateway.url);
    await gateway.stop();
    const dispatch = openDispatch(database.url);
    const dispatcher = new Dispatcher({ ...dispatch.options, projectors });
    while ((await dispatcher.turn()).events > 0);
    await dispatch.close();
  });
  afterAll(() => database?.drop());
  beforeEach(() => database.query('DELETE FROM projection_rebuilds; UPDATE retention SET events_removed = 0'));

  const env = () => ({ ...PROVIDER_ENVIRONMENT, DATABASE_URL: database.url, LOG_LEVEL });
  const rebuild = (...args: string[]) => runCommand('rebuild', { args, env: env() });
  const addJunk = () =>
    database.query(`INSERT INTO stripe_customers (source, id, account, livemode, updated_at)
      VALUES ('stripe', 'cus_nobody', '-', 'false', now() - interval '1 day') ON CONFLICT DO NOTHING`);
  const junk = async () =>
    (await database.query(`SELECT count(*)::int AS n FROM stripe_customers WHERE id = 'cus_nobody'`))[0].n;

  it('says what it would do, and changes nothing', async () => {
    await addJunk();
    const { code, stdout, stderr } = await rebuild(
      '--projection',
      'stripe_customers',
      '--projection',
      'whatsapp',
      '--dry-run',
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/empties these tables and applies 20 events to them:/);
    expect(stdout).toMatch(
      /^ {2}table +rows now +would vanish\n {2}stripe_customers +1 +1\n {2}whatsapp_account_events +0 +0\n/m,
    );
    expect(stdout).toMatch(/^ {2}whatsapp_messages +10 +0$/m);
    expect(stdout).not.toContain('stripe_payments');
    expect(await junk()).toBe(1);
    expect(await database.query('SELECT * FROM projection_rebuilds')).toEqual([]);
  });

  it('refuses what would lose rows whose events retention has removed, unless that is accepted', async () => {
    await addJunk();
    await database.query('UPDATE retention SET events_removed = 1234');
    const refused = await rebuild('--projection', 'stripe_customers');
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('Retention has removed 1,234 events for good.');
    expect(refused.stderr).toMatch(/^ {2}stripe_customers +1 +1$/m);
    expect(refused.stderr).toContain('--accept-loss');
    expect(await junk()).toBe(1);
    const from = await rebuild('--projection', 'stripe_customers', '--from', '2020-01-01');
    expect(from).toMatchObject({ code: 0, stderr: '' });
    expect(from.stdout).toContain('Retention has removed 1,234 events for good; those that are left are applied.');
    expect(await junk()).toBe(1);
    expect(await rebuild('--projection', 'stripe_customers', '--accept-loss')).toMatchObject({ code: 0, stderr: '' });
    expect(await junk()).toBe(0);
  });

  it('names the events that cannot be projected', async () => {
    const [payment] = await database.query('SELECT id FROM stripe_payments LIMIT 1');
    await database.query(`ALTER TABLE stripe_payments ADD CONSTRAINT refused CHECK (id <> '${payment.id}') NOT VALID`);
    try {
      const { code, stdout } = await rebuild('--projection', 'stripe');
      expect(code).toBe(0);
      expect(stdout).toMatch(/^1 event could not be projected\. Dispatch tries them again/m);
      const [mark] = await database.query('SELECT event_id FROM event_dispatch');
      expect(stdout).toContain(`  ${mark.event_id}  PostgreSQL refused (SQLSTATE 23514)\n`);
    } finally {
      await database.query('ALTER TABLE stripe_payments DROP CONSTRAINT refused; DELETE FROM event_dispatch');
    }
  });

  it.each([
    [
      ['--projection', 'stripe_paymets'],
      /^--projection: There is no projection stripe_paymets\. Providers: stripe, whatsapp\. Tables: .*stripe_payments/,
    ],
    [['--from', 'yesterday'], /write a date, such as 2026-11-20/],
    [['--from', '2026-11-20T12:00:00'], /a time with its zone/],
    [['--from', '2026-02-30'], /write a date/],
  ])('explains what is wrong with %s', async (args, message) => {
    expect(await rebuild(...args)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
  });

  it('asks for the migrations first', async () => {
    const empty = await createDatabase({ migrated: false });
    const result = await runCommand('rebuild', { env: { ...env(), DATABASE_URL: empty.url } });
    expect(result).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/not up to date \(.*_rebuilds.*npm run migrate/),
    });
    await empty.drop();
  });

  /** While somebody holds a table, a rebuild waits before it. */
  async function heldUp() {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query('BEGIN; SELECT count(*) FROM stripe_prices');
    const home = openTempDirectory('gateway-rebuild-');
    const child = spawn(process.execPath, [join(dirname(DAEMON_SCRIPT), 'cli/rebuild.js')], {
      cwd: home,
      env: bareEnvironment({ DATA_DIR: 'data', ...env() }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let printed = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        printed += text;
      });
    const closed = once(child, 'close');
    await until('it to wait', () => printed.includes('Other sessions use the tables'), 20_000);
    return {
      async end(signal: NodeJS.Signals) {
        child.kill(signal);
        await closed;
        await client.query('COMMIT');
        await client.end();
        return { code: child.exitCode, printed };
      },
    };
  }

  it('stopped by Ctrl-C says how to go on, and goes on', async () => {
    const { code, printed } = await (await heldUp()).end('SIGINT');
    expect(code).toBe(130);
    expect(printed).toContain(
      'Stopped after 0 events. Run it again with the same arguments to go on. Until it has finished, the tables may be incomplete.\n',
    );
    const other = await rebuild('--projection', 'stripe');
    expect(other).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^A rebuild of all projections \(begun at .*, 0 events read\) is not finished\..*--restart/,
      ),
    });
    // Its tables are empty.
    expect(await rebuild('--projection', 'stripe', '--restart')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('cannot be forgotten'),
    });
    const again = await rebuild();
    expect(again).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Going on with the rebuild of all projections.*\nFinished: 20 events/),
    });
    expect(await payments(database.query)).toHaveLength(10);
  });

  it('killed, it is at work for some seconds more, and then gone on with', async () => {
    expect((await (await heldUp()).end('SIGKILL')).code).toBe(null);
    const held = await rebuild();
    expect(held).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Another process is at work on a rebuild.* try again in \d+ s\.\n$/),
    });
    await database.query('UPDATE projection_rebuilds SET lease_until = now()');
    expect(await rebuild()).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Going on with.*\nFinished: 20/) });
  });
});
