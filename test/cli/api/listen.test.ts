import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type ApiPlace, openApi } from '../../support/api.ts';
import type { CommandResult } from '../../support/command.ts';
import { freePort } from '../../support/free-port.ts';
import { commandEnvironment, runGatewayCommand } from '../../support/gateway-command.ts';
import { answer, type Receiver, startReceiver } from '../../support/receiver.ts';
import { until } from '../../support/until.ts';
import { fresh, keysOf, post, type Webhook } from '../../support/webhooks.ts';

let place: ApiPlace;
let directory: string;
beforeAll(async () => {
  place = await openApi();
  directory = mkdtempSync(join(tmpdir(), 'gateway-listen-'));
});
afterAll(async () => {
  await place.close();
  rmSync(directory, { recursive: true, force: true });
});

/** What the commands of a test have told. */
const notes: string[] = [];
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  notes.splice(0);
  for (const close of closers.splice(0).reverse()) await close();
});

const environment = () => commandEnvironment(place.gateway.gateway.apiUrl ?? '');
const followers = async () => (await place.call('GET /followers')).json.data as { name: string; seenAt: string }[];

async function receiverOn(port?: number): Promise<Receiver> {
  const receiver = await startReceiver(port === undefined ? {} : { port });
  closers.push(() => receiver.close());
  return receiver;
}

/** One that has its follower, and a stop. */
async function listen(...args: string[]): Promise<() => Promise<CommandResult>> {
  const known = (await followers()).length;
  const stop = new AbortController();
  const onNote = (text: string) => notes.push(text);
  const ended = runGatewayCommand(['listen', ...args], { environment: environment(), signal: stop.signal, onNote });
  const end = () => {
    stop.abort('SIGINT');
    return ended;
  };
  closers.push(end);
  if (!args.includes('--name')) await until('the follower', async () => (await followers()).length > known);
  return end;
}

async function send(...webhooks: Webhook[]): Promise<string[]> {
  for (const webhook of webhooks) expect((await post(place.gateway.url, webhook)).status).toBe(200);
  return webhooks.flatMap((webhook) => keysOf(webhook));
}

const idsOf = ({ received }: Receiver) => received.map(({ body }) => JSON.parse(body.toString()).id);
const outcomes = ({ stdout }: CommandResult) =>
  stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

test('what nobody takes yet is waited with, and arrives in order; Ctrl-C leaves no follower behind', async () => {
  const port = await freePort();
  const stop = await listen('--forward-to', `127.0.0.1:${port}/hook`, '--sources', 'stripe', '--tries', '1');
  const sent = await send(fresh('stripe'), fresh('whatsapp'), fresh('stripe'), fresh('stripe'));
  const stripes = sent.filter((key) => key.startsWith('evt_'));
  await until('a vain attempt', () => notes.some((note) => note.includes('is not there (ECONNREFUSED)')));
  const receiver = await receiverOn(port);
  await until('all of them', () => receiver.received.length === 3);
  const { code, stderr } = await stop();
  expect([code, idsOf(receiver)]).toEqual([0, stripes]);
  expect(stderr).toMatch(/, signed as Stripe or Meta would\. The signing secret is whsec_\S+ \(Ctrl-C ends it\)\n/);
  expect(await followers()).toEqual([]);
});

test('a refusal is tried three times, told and left; what follows is not held up', async () => {
  const receiver = await receiverOn();
  const [bad, good] = [fresh('stripe'), fresh('stripe')];
  const [badId] = keysOf(bad);
  receiver.behave((response, delivery) => {
    return answer(delivery.body.includes(badId ?? '') ? 422 : 200)(response, delivery);
  });
  const stop = await listen('--forward-to', receiver.url);
  await send(bad, good);
  await until('the good one', () => idsOf(receiver).includes(keysOf(good)[0]));
  const result = await stop();
  expect(outcomes(result)).toMatchObject([
    { status: 422, failure: 'it answered 422', tries: 3 },
    { status: 200, failure: null, tries: 1 },
  ]);
  const of = receiver.received.slice(0, 3).map(({ headers }) => [headers['webhook-id'], headers['x-webhook-attempt']]);
  expect(of).toEqual(['1', '2', '3'].map((attempt) => [of[0]?.[0], attempt]));
});

test('to a program that refuses every signature, it is said once what to look at', async () => {
  const receiver = await receiverOn();
  receiver.behave(answer(401));
  const stop = await listen('--forward-to', receiver.url, '--tries', '1', '--format', 'event');
  await send(fresh('stripe'), fresh('stripe'));
  await until('both', () => receiver.received.length === 2);
  const { stderr } = await stop();
  expect(stderr).toMatch(/, signed by Standard Webhooks\. The signing secret/);
  expect(stderr.match(/It answers 401: does it check with the secret above\?/g)).toHaveLength(1);
});

test('with a name it goes on where it was, and follows what it followed', async () => {
  const receiver = await receiverOn();
  const args = ['--forward-to', receiver.url, '--name', 'laptop', '--types', 'invoice.*'];
  const first = await listen(...args);
  await until('the follower', async () => (await followers()).length === 1);
  const before = await send(fresh('stripe', 'invoice.paid'));
  await until('the first', () => receiver.received.length === 1);
  expect((await first()).stderr).toContain('Its place is kept for three days under the name laptop.');
  const away = await send(fresh('stripe', 'invoice.paid'), fresh('stripe', 'customer.created'));
  await listen('--forward-to', receiver.url, '--name', 'laptop');
  await until('what it goes on with', () => notes.some((note) => note.startsWith('laptop goes on with invoice.* ')));
  await until('what came meanwhile', () => receiver.received.length === 2);
  expect(idsOf(receiver)).toEqual([before[0], away[0]]);
  const other = await runGatewayCommand(['listen', ...args.slice(0, 4), '--types', 'charge.*'], {
    environment: environment(),
  });
  expect(other).toMatchObject({ code: 1, stderr: expect.stringMatching(/another --types.*followers delete laptop/) });
  const removed = await runGatewayCommand(['followers', 'delete', 'laptop'], {
    environment: environment(),
    terminal: true,
  });
  expect(removed.stdout).toBe('The follower laptop is removed.\n');
});

test('who listens under a name that somebody else takes over is told so', async () => {
  const receiver = await receiverOn();
  const args = ['--forward-to', receiver.url, '--name', 'desk'];
  const first = runGatewayCommand(['listen', ...args], { environment: environment() });
  await until('the follower', async () => (await followers()).length === 1);
  await send(fresh('stripe'));
  await until('the first', () => receiver.received.length === 1);
  await listen(...args);
  expect(await first).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Somebody else listens under this name'),
  });
  await runGatewayCommand(['followers', 'delete', 'desk'], { environment: environment() });
});

test('with --concurrency several are under way at a time', async () => {
  const receiver = await receiverOn();
  const held: (() => void)[] = [];
  receiver.behave((response, delivery) => {
    held.push(() => answer(200)(response, delivery));
    // Nobody is answered before all three are there.
    if (held.length === 3) for (const release of held.splice(0)) release();
  });
  const stop = await listen('--forward-to', receiver.url, '--concurrency', '3', '--tries', '1');
  await send(fresh('stripe'), fresh('stripe'), fresh('stripe'));
  await until('all three', () => receiver.received.length === 3);
  expect(outcomes(await stop())).toMatchObject([{ status: 200 }, { status: 200 }, { status: 200 }]);
});

test('each is signed as its provider signs; our envelope by Standard Webhooks under a secret of one’s own', async () => {
  const [native, envelopes] = [await receiverOn(), await receiverOn()];
  const secret = `whsec_${Buffer.alloc(24, 9).toString('base64')}`;
  const file = join(directory, 'secret');
  writeFileSync(file, `${secret}\n`);
  const own = ['--secret-file', file];
  const stops = [
    await listen('--forward-to', native.url, ...own),
    await listen('--forward-to', envelopes.url, '--format', 'event', ...own),
  ];
  await send(fresh('whatsapp'));
  await until('both', () => native.received.length === 1 && envelopes.received.length === 1);
  const [message, envelope] = [native.received[0], envelopes.received[0]];
  const hmac = createHmac('sha256', secret)
    .update(message?.body ?? '')
    .digest('hex');
  expect(message?.headers['x-hub-signature-256']).toBe(`sha256=${hmac}`);
  const headers = envelope?.headers as Record<string, string>;
  expect(new StandardWebhook(secret).verify(envelope?.body ?? '', headers)).toMatchObject({ source: 'whatsapp' });
  for (const stop of stops) expect((await stop()).stderr).not.toContain(secret);
});
