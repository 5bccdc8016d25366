/** `npm run erase` as an operator runs it, beside a daemon and without one. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { mentions } from '../erasure/mentions.ts';
import { MIA, MIXED, OTHERS, OWN } from '../erasure/people.ts';
import { type CommandResult, runCommand } from '../support/command.ts';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { addDestination } from '../support/deliveries.ts';
import { allDispatched } from '../support/undispatched.ts';
import { until } from '../support/until.ts';
import { PROVIDER_ENVIRONMENT, post, signed } from '../support/webhooks.ts';

const ALL = [...OWN, ...MIXED, ...OTHERS];
/** Nothing of this may be printed; the id that was typed is not either. */
const PRIVATE = ['4915100', 'DE.1001', 'DE.2002', 'Mia', 'Jan', 'Hello'];
/** On a busy machine the default would now and then be over, and the webhook spooled. */
const COMMIT_TIMEOUT_MS = '30000';

let database: TestDatabase;
let daemon: Daemon | undefined;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(async () => {
  await daemon?.dispose();
  await database.drop();
});

const env = (more = {}) => ({ DATABASE_URL: database.url, ...more });
const erase = (args: readonly string[], more = {}) => runCommand('erase', { args, env: env(more) });

async function send(url: string, bodies: readonly object[]): Promise<void> {
  for (const body of bodies) expect((await post(url, signed('whatsapp', JSON.stringify(body)))).status).toBe(200);
}

function expectNothingPrivate({ stdout, stderr }: CommandResult): void {
  for (const text of PRIVATE) expect(stdout + stderr).not.toContain(text);
}

it('beside a daemon: counts in a dry run, then erases, and logs that it did without saying whom', async () => {
  daemon = await startDaemon(env({ ...PROVIDER_ENVIRONMENT, COMMIT_TIMEOUT_MS }));
  await send(daemon.url, ALL);
  await until('all to be projected', () => allDispatched(database.query));
  const dry = await erase(['--subject', MIA.wa_id, '--dry-run']);
  expect(dry).toMatchObject({ code: 0, stderr: '' });
  expect(dry.stdout).toMatch(/^whatsapp: a person with 3 ids\n +to erase +to rewrite\n +events +17 +4\n/);
  expect(await mentions(database, [MIA.user_id])).not.toEqual([]);

  const done = await erase(['--subject', MIA.wa_id, '--yes']);
  expect(done.code).toBe(0);
  expect(done.stdout).toMatch(
    /^whatsapp: a person with 3 ids\n +erased +rewritten\n +events +17 +4\n +event_dispatch +0 +0\n/,
  );
  expect(done.stdout).toContain('2 events and 2 requests of others still name an id of the person');
  expect(
    done.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([
    expect.objectContaining({ level: 30, msg: 'a person was erased', sources: ['whatsapp'], events: 21, requests: 20 }),
  ]);
  for (const result of [dry, done]) expectNothingPrivate(result);
  expect(await mentions(database, [MIA.user_id])).toEqual([]);

  await send(daemon.url, OWN);
  expect(await mentions(database, [MIA.user_id])).toEqual([]);
});

it('says that nothing is known of an id, or of a source', async () => {
  expect(await erase(['--subject', 'DE.404', '--yes'])).toEqual({
    code: 1,
    stdout: '',
    stderr: 'Nothing is known of this id: no event, no request and no row of a projection names it.\n',
  });
  expect(await erase(['--subject', 'DE.404', '--yes', '--source', 'stripe'])).toMatchObject({
    code: 1,
    stderr: '--source: people are known in whatsapp, and stripe is none of these.\n',
  });
});

it('asks on a terminal, and where there is none wants to be told', async () => {
  expect(await erase(['--subject', MIA.wa_id])).toEqual({
    code: 1,
    stdout: '',
    stderr: 'There is no terminal to ask on: add --yes, or --dry-run to see what would go.\n',
  });
  expect(await erase(['--yes'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--subject <id>') });
});

it('names the files of the spool, whose webhooks it does not see', async () => {
  const home = daemon?.dataDir ?? '';
  mkdirSync(join(home, 'spool', 'elsewhere'), { recursive: true });
  const file = join(home, 'spool', 'elsewhere', '1.rejected');
  writeFileSync(file, 'bytes');
  const { code, stderr } = await erase(['--subject', 'DE.2002', '--yes'], { DATA_DIR: home, LOG_LEVEL: 'warn' });
  expect(code).toBe(0);
  expect(stderr).toBe(
    `Webhooks that are not in the database may be of the person too. Once they are stored, run it again:\n  ${file}\n`,
  );
});

it('names at its end the conditions in which an operator has typed an id', async () => {
  const id = await addDestination(database, { name: 'billing', condition: { from: 'DE.5005' } });
  for (const flag of ['--dry-run', '--yes']) {
    const result = await erase(['--subject', 'DE.5005', flag], { LOG_LEVEL: 'warn' });
    expect(result).toMatchObject({ code: 0, stdout: expect.not.stringContaining('DE.5005') });
    expect(result.stdout).toMatch(
      new RegExp(
        `into a condition, .*:\\n {2}destination billing \\(${id}\\): webhook-gateway destinations update\\n$`,
      ),
    );
  }
});

it('works on the embedded server, with a daemon and without one', async () => {
  const own = await startDaemon({ ...PROVIDER_ENVIRONMENT, COMMIT_TIMEOUT_MS });
  try {
    await send(own.url, OWN);
    const options = { env: { DATA_DIR: own.dataDir, LOG_LEVEL: 'warn' } };
    const args = ['--subject', MIA.wa_id, '--yes'];
    expect(await runCommand('erase', { ...options, args })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/events +11 +0/),
    });
    await send(own.url, OTHERS);
    await own.stop();
    const eve = await runCommand('erase', { ...options, args: ['--subject', 'DE.3003', '--yes'] });
    expect(eve).toMatchObject({ code: 0, stdout: expect.stringMatching(/events +1 +0/) });
  } finally {
    await own.dispose();
  }
});

it('does not touch a database whose tables are not up to date', async () => {
  const bare = await createDatabase({ migrated: false });
  try {
    expect(
      await runCommand('erase', { args: ['--subject', 'x', '--yes'], env: { DATABASE_URL: bare.url } }),
    ).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('npm run migrate'),
    });
  } finally {
    await bare.drop();
  }
});
