/** The commands that ask and answer, against a gateway; their standard output is no terminal. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, type ApiPlace, openApi } from '../../support/api.ts';
import { runCommand } from '../../support/command.ts';
import { commandEnvironment, runGatewayCommand } from '../../support/gateway-command.ts';
import { type Receiver, startReceiver } from '../../support/receiver.ts';
import { until } from '../../support/until.ts';
import { fresh, keysOf, post, signed, type Webhook } from '../../support/webhooks.ts';

let place: ApiPlace;
let receiver: Receiver;
let apiUrl: string;
let directory: string;
let invoice: Webhook;
beforeAll(async () => {
  place = await openApi({ DELIVERY_ALLOW_NETWORKS: '127.0.0.0/8' });
  receiver = await startReceiver();
  apiUrl = place.gateway.gateway.apiUrl ?? '';
  directory = mkdtempSync(join(tmpdir(), 'gateway-cli-'));
  invoice = fresh('stripe', 'invoice.paid');
  for (const webhook of [invoice, fresh('whatsapp'), ...Array.from({ length: 3 }, () => fresh('stripe'))]) {
    expect((await post(place.gateway.url, webhook)).accepted).toBe('stored');
  }
});
afterAll(async () => {
  await place.close();
  await receiver.close();
  rmSync(directory, { recursive: true, force: true });
});

const run = (...args: string[]) => runGatewayCommand(args, { environment: commandEnvironment(apiUrl) });
const runOnTerminal = (...args: string[]) =>
  runGatewayCommand(args, { environment: commandEnvironment(apiUrl), terminal: true });

async function answers<Row = Record<string, unknown>>(...args: string[]): Promise<Row[]> {
  const { code, stdout, stderr } = await run(...args);
  expect([code, stderr], args.join(' ')).toEqual([0, '']);
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Row);
}

function fileWith(name: string, content: string): string {
  const file = join(directory, name);
  writeFileSync(file, content);
  return file;
}

test('events are listed, found and shown, and a body is written as it came', async () => {
  const [all, limited, found, tabled] = await Promise.all([
    answers('events', '--all'),
    answers('events', 'list', '--limit', '2'),
    answers('events', '--type', 'invoice.*', '--from', '1h'),
    runOnTerminal('events'),
  ]);
  expect(all).toHaveLength(5);
  expect(limited).toEqual(all.slice(0, 2));
  expect(found).toMatchObject([{ type: 'invoice.paid', dedupeKey: keysOf(invoice)[0] }]);
  const rows = tabled.stdout.split('\n');
  expect(rows[0]).toMatch(/^received \(UTC\) +source +type +subject +id$/);
  expect(rows).toHaveLength(7);
  const id = String(found[0]?.['id']);
  const [show, table, body] = await Promise.all([
    run('events', 'show', id),
    runOnTerminal('events', 'show', id),
    run('events', 'body', id),
  ]);
  expect(JSON.parse(show.stdout)).toMatchObject({ id, payload: { type: 'invoice.paid' }, deliveries: [] });
  expect(table.stdout).toMatch(/^type +invoice\.paid$/m);
  expect(table.stdout).toMatch(/^ {2}"type": "invoice\.paid"/m);
  expect(body.stdout).toBe(invoice.body.toString());
});

test('numbers keep every digit, and nothing of a webhook moves the terminal', async () => {
  const body =
    '{"id":"evt_digits","object":"event","type":"\\u001b[31mred","created":1700000000,"n":12345678901234567890.5}';
  await post(place.gateway.url, signed('stripe', body));
  const [event] = await answers('events', '--id', 'evt_digits');
  expect(await answers('events', '--dedupe-key', 'evt_digits')).toEqual([event]);
  const id = String(event?.['id']);
  const [json, text] = await Promise.all([run('events', 'show', id), runOnTerminal('events', 'show', id)]);
  for (const { stdout } of [json, text]) {
    expect(stdout).toContain('12345678901234567890.5');
    expect(stdout).not.toContain('\x1b');
  }
});

test('a list that ends at the rows it has by default says that there are more', async () => {
  const names = Array.from({ length: 20 }, (_, at) => `listed-${at}`);
  for (const name of names)
    await answers('destinations', 'create', name, receiver.url, '--types', 'x', '--signing', 'none');
  expect(await answers('destinations')).toHaveLength(20);
  await answers('destinations', 'create', 'one-more', receiver.url, '--types', 'x', '--signing', 'none');
  const [json, table] = await Promise.all([run('destinations'), runOnTerminal('destinations')]);
  expect(json.stdout.trimEnd().split('\n')).toHaveLength(20);
  for (const { stderr } of [json, table]) expect(stderr).toBe('There are more: --limit <n> or --all\n');
  expect(await answers('destinations', '--all')).toHaveLength(21);
  expect(await answers('destinations', '--limit', '5')).toHaveLength(5);
  await Promise.all([...names, 'one-more'].map((name) => answers('destinations', 'delete', name)));
});

test('a message is found with its statuses, by the id that Meta gave it', async () => {
  const unique = randomUUID().replaceAll('-', '');
  for (const type of ['message.text', 'status.sent', 'status.read', 'message.image']) {
    const other = type === 'message.image' ? `${unique}0` : unique;
    expect((await post(place.gateway.url, fresh('whatsapp', type, other))).accepted).toBe('stored');
  }
  const [newest] = await answers<{ dedupeKey: string }>('events', '--type', 'status.read', '--limit', '1');
  const wamid = newest?.dedupeKey.split(':')[1] ?? '';
  expect(wamid).toMatch(/^wamid\./);
  const types = ['status.read', 'status.sent', 'message.text'];
  expect(await answers('events', '--id', wamid)).toMatchObject(types.map((type) => ({ type })));
  expect(await answers('events', '--id', wamid, '--limit', '1')).toMatchObject([{ type: 'status.read' }]);
  expect(await answers('events', '--id', wamid, '--source', 'stripe')).toEqual([]);
});

test('followers are listed as far as it is asked for, and found behind the first page', async () => {
  await place.database.query(
    `INSERT INTO followers (id, name, types, format, acked_to, acked, created_at, seen_at)
     SELECT ('019aa0f2-6f1e-7c3e-b0a5-' || lpad(to_hex(n), 12, '0'))::uuid, 'laptop-' || n, '{*}', 'event', 0, '{}', now(), now()
       FROM generate_series(1, 101) AS n`,
  );
  const listed = await run('followers');
  expect(listed.stdout.trimEnd().split('\n')).toHaveLength(20);
  expect(listed.stderr).toBe('There are more: --limit <n> or --all\n');
  expect(await answers('followers', 'list', '--all')).toHaveLength(101);
  expect(await answers('followers', '--limit', '2')).toMatchObject([{ name: 'laptop-101' }, { name: 'laptop-100' }]);
  expect((await run('followers', 'delete', 'laptop-1')).code).toBe(0);
  expect(await answers('followers', '--all')).toHaveLength(100);
  await place.database.query('DELETE FROM followers');
});

test('a destination is made, changed, tried, paused, resumed and removed by its name', async () => {
  const headers = fileWith('headers', 'X-Api-Key: asked-for\n');
  const typed = ['billing', receiver.url, '--types', 'invoice.*', '--secret-headers-file', headers];
  const made = await run('destinations', 'create', ...typed);
  expect(JSON.parse(made.stdout).generatedSecret).toMatch(/^whsec_/);
  expect(made.stderr).toBe('The generated secret is shown this once.\n');
  const [shown] = await answers('destinations', 'show', 'billing');
  expect(shown).toMatchObject({ filter: { types: ['invoice.*'] }, secretCount: 1, secretHeaderNames: ['X-Api-Key'] });
  const [updated] = await answers(
    'destinations',
    'update',
    'billing',
    '--sources',
    'stripe',
    '--retry',
    '1,2',
    '--timeout',
    '2.5',
  );
  expect(updated).toMatchObject({
    filter: { types: ['invoice.*'], sources: ['stripe'] },
    retrySchedule: [1, 2],
    timeoutMs: 2_500,
  });
  expect(await answers('destinations', 'test', 'billing')).toMatchObject([{ status: 204, failure: null }]);
  expect(receiver.received.at(-1)?.headers).toMatchObject({ 'x-api-key': 'asked-for', 'x-gateway-test': 'true' });
  expect((await run('destinations', 'create', ...typed)).stderr).toBe('another destination has this name\n');
  expect(await answers('destinations', 'pause', 'billing', '--reason', 'moves')).toMatchObject([
    { pauseReason: 'moves' },
  ]);
  expect(await answers('destinations', 'resume', String(shown?.['id']))).toMatchObject([{ state: 'active' }]);
  const { stdout: audit } = await runOnTerminal('audit', '--limit', '2');
  expect(audit).toMatch(/ destination\.resume .* billing /);
  expect(await answers('audit', '--limit', '1')).toMatchObject([{ target: shown?.['id'] }]);
  await answers('destinations', 'delete', 'billing');
  expect((await run('destinations', 'show', 'billing')).stderr).toBe(
    'There is no destination named billing: `webhook-gateway destinations` lists them.\n',
  );
});

test('dead deliveries are listed and tried again', async () => {
  receiver.behave((response) => response.writeHead(500).end('out of order'));
  await run(
    'destinations',
    'create',
    'crm',
    receiver.url,
    '--types',
    'charge.refunded',
    '--retry',
    '1',
    '--signing',
    'none',
  );
  await post(place.gateway.url, fresh('stripe', 'charge.refunded'));
  const [dead] = await until('a dead delivery', async () => {
    const rows = await answers('deliveries', 'dead', '--destination', 'crm');
    return rows.length > 0 && rows;
  });
  const id = String(dead?.['id']);
  const shown = (await runOnTerminal('deliveries', 'show', id)).stdout;
  expect(shown).toMatch(/^destination +crm$/m);
  expect(shown).toMatch(/ 500 +status .* out of order$/m);
  for (const list of ['deliveries', 'deliveries dead', `events show ${dead?.['eventId']}`]) {
    const { stdout } = await runOnTerminal(...list.split(' '));
    expect(stdout, list).toMatch(
      new RegExp(`^\\d\\d-\\d\\d \\d\\d:\\d\\d +charge\\.\\S+ +crm +dead +2 +500 +${id}$`, 'm'),
    );
  }
  receiver.behave((response) => response.writeHead(204).end());
  expect(await answers('deliveries', 'redrive', 'crm')).toEqual([{ redriven: 1 }]);
  await until('the delivery', async () => (await answers('deliveries', '--state', 'delivered')).length === 1);
  expect((await run('deliveries', 'cancel', id)).stderr).toBe('it is finished already\n');
});

test('a retry says what it waits for, and how not to', async () => {
  receiver.behave((response) => response.writeHead(500).end());
  const typed = ['the ledger', receiver.url, '--types', 'customer.created', '--signing', 'none', '--retry', '3600'];
  await run('destinations', 'create', ...typed);
  // As many failures as open a circuit.
  for (let sent = 0; sent < 5; sent++) await post(place.gateway.url, fresh('stripe', 'customer.created'));
  await until('an open circuit', async () => {
    const [shown] = await answers<{ health: { circuitOpen: boolean } | null }>('destinations', 'show', 'the ledger');
    return shown?.health?.circuitOpen === true;
  });
  const [delivery] = await answers('deliveries', '--destination', 'the ledger');
  const id = String(delivery?.['id']);
  const resume = "webhook-gateway destinations resume 'the ledger'";
  // A probe may have it just then.
  const retry = () =>
    until('a retry', async () => {
      const result = await run('deliveries', 'retry', id);
      return result.code === 0 && result.stderr !== '' && result;
    });
  const retried = await retry();
  expect(JSON.parse(retried.stdout)).toMatchObject({ id, state: 'pending' });
  expect(retried.stderr).toMatch(
    /^It waits until a probe arrives at the ledger \(the next at [\d-]+ [\d:]+ UTC\), since its circuit is open\. /,
  );
  expect(retried.stderr).toMatch(new RegExp(`If it is mended: ${resume}\\n$`));
  const table = async () => (await runOnTerminal('deliveries', '--destination', 'the ledger')).stdout;
  await until('the word of a probe', async () => / probe (\+\d+s|now) /.test(await table()));
  await answers('destinations', 'pause', 'the ledger');
  expect((await retry()).stderr).toBe(`It waits, since the ledger is paused: ${resume}\n`);
  await answers('destinations', 'delete', 'the ledger', '--force');
  receiver.behave((response) => response.writeHead(204).end());
});

test('a destination that is owed something is kept, and it is said how to remove it all the same', async () => {
  await answers(
    'destinations',
    'create',
    'slow',
    receiver.url,
    '--types',
    'customer.subscription.deleted',
    '--signing',
    'none',
  );
  await answers('destinations', 'pause', 'slow');
  await post(place.gateway.url, fresh('stripe', 'customer.subscription.deleted'));
  await until('a delivery', async () => (await answers('deliveries', '--destination', 'slow')).length === 1);
  const refused = await run('destinations', 'delete', 'slow');
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/cancel them with --force\n$/) });
  await answers('destinations', 'delete', 'slow', '--force');
});

test('keys are made and revoked; a key that may not is told what it lacks', async () => {
  const [key] = await answers<{ id: string; key: string }>('keys', 'create', '--name', 'reader', '--scope', 'read');
  const keyFile = fileWith('key', `${key?.key}\n`);
  expect(await answers('events', '--limit', '1', '--key-file', keyFile)).toHaveLength(1);
  const refused = await run('keys', '--key-file', keyFile);
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toMatch(
    /needs a key with the scope admin; .* the key of .*key; name one that may with --key-file/,
  );
  await answers('keys', 'revoke', String(key?.id));
  expect((await run('status', '--key-file', keyFile)).stderr).toMatch(
    /^.*revoked.*It was the key of .* name another\.\n$/,
  );
  expect(await answers('audit', '--limit', '2')).toMatchObject([{ action: 'key.revoke' }, { action: 'key.create' }]);
});

/** As of a variable of a shell that is not set. The API would take some of them for the whole list. */
const EMPTY = [
  ['events', 'show', ''],
  ['events', 'body', ' '],
  ['events', '--id', ''],
  ['events', '--dedupe-key', ''],
  ['deliveries', 'show', ''],
  ['deliveries', 'retry', ''],
  ['deliveries', 'cancel', ''],
  ['deliveries', 'redrive', ''],
  ['deliveries', 'dead', '--destination', ''],
  ...['destination', 'event', 'request', 'replay'].map((option) => ['deliveries', `--${option}`, '']),
  ...['show', 'update', 'delete', 'pause', 'resume', 'test'].map((verb) => ['destinations', verb, '']),
  ['replay', '019aa0f2-6f1e-7c3e-b0a5-3d5c2f9e8a11', ''],
  ['replay', '--from', '1h', '--destination', ''],
  ...['show', 'wait', 'cancel'].map((verb) => ['replays', verb, '']),
  ['keys', 'revoke', ''],
  ['followers', 'delete', ''],
];

test('what is wrong is said in one place, with its field and its fix', async () => {
  const wrong = await run('destinations', 'create', 'x', 'ftp://example.com', '--concurrency', '5000');
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toMatch(/\n {2}- concurrency: /);
  const typed: [string[], RegExp][] = [
    [['events', '--limit', 'many'], /write a whole number from 1\./],
    [['destinatons'], /Did you mean destinations\?/],
    [['events', 'bogus', 'x'], /^error: there is no `events bogus`: list, show, body\n/],
    [['keys', 'bogus'], /there is no `keys bogus`: list, create, revoke/],
    [['events', 'list', 'x'], /`events list` takes no `x`/],
    [['events', '--limit', '5', 'show'], /takes no `show`; a verb comes right behind `events`/],
    [['keys', 'create', '--name', 'x', '--scope', 'all'], /Allowed choices are read, operate, admin/],
    [['listen'], /--forward-to <url>/],
    ...EMPTY.map((args): [string[], RegExp] => [args, /^error: .*it is empty\.\n/]),
    [['events', 'show', '..'], /^error: <id>: \.\. is no id: `webhook-gateway events` lists the ids\.\n/],
    [['events', 'body', 'abc'], /^error: <id>: abc is no id: `webhook-gateway events` lists the ids\.\n/],
    [['keys', 'revoke', 'laptop'], /^error: <id>: laptop is no id: `webhook-gateway keys` lists the ids\.\n/],
    [['replay', 'nonsense'], /^error: <events>: nonsense is no id: `webhook-gateway events` lists the ids\.\n/],
    [['replays', 'show', '1'], /^error: <id>: 1 is no id: `webhook-gateway replays` lists the ids\.\n/],
    [['deliveries', '--event', 'abc'], /^error: .*'abc' is invalid\. it is no id: `webhook-gateway events` lists/],
  ];
  for (const [result, pattern] of await Promise.all(
    typed.map(async ([args, pattern]) => [await run(...args), pattern] as const),
  )) {
    expect(result).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(pattern) });
  }
});

test('the gateway and its key are found, or it is said how to name them', async () => {
  const { stderr: nobody } = await runCommand('gateway', { args: ['status'] });
  expect(nobody).toMatch(/^No gateway runs on .*data: start one \(npm start\), .* --url or WEBHOOK_GATEWAY_URL\.\n$/);
  const base = new URL(apiUrl).origin;
  const statusOf = (url: string, environment = {}) => runGatewayCommand(['status', '--url', url], { environment });
  expect((await statusOf(base)).stderr).toMatch(/^There is no key for .*WEBHOOK_GATEWAY_KEY.*--key-file/);
  const environment = { ADMIN_API_KEY: ADMIN_KEY };
  const found = JSON.parse((await statusOf(base, environment)).stdout);
  expect(found).toMatchObject({ service: 'webhook-gateway', database: 'up' });
  receiver.behave((response) => response.writeHead(502).end('<html>'));
  expect((await statusOf(receiver.url, environment)).stderr).toMatch(
    / answers 502, not as the API .* Check --url\.\n$/,
  );
  receiver.behave((response) => response.end('<html>\u001b[31m'));
  expect((await statusOf(receiver.url, environment)).stderr).toMatch(/^http.* answers 200, not as the API .*\.\n$/);
  receiver.behave((response) => response.writeHead(409).end('{"error":{"message":"no\\u001b[2J"}}'));
  expect((await statusOf(receiver.url, environment)).stderr).toBe('no\uFFFD[2J\n');
  expect((await statusOf(base, { WEBHOOK_GATEWAY_KEY: 'schlüssel' })).stderr).toMatch(
    /^WEBHOOK_GATEWAY_KEY holds no key/,
  );
  const away = await statusOf('http://127.0.0.1:1', environment);
  expect(away.stderr).toMatch(/^http:\/\/127\.0\.0\.1:1\/api\/v1 does not answer .*npm start/);
  expect((await statusOf('gateway.example.com', environment)).stderr).toMatch(/^--url: write a URL/);
});
