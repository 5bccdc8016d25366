import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandResult, runCommand, runNode } from '../support/command.ts';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { readFixture } from '../support/fixtures.ts';
import { freePort } from '../support/free-port.ts';

describe('npm run send, with no configuration', () => {
  let daemon: Daemon;
  const send = (...args: string[]): Promise<CommandResult> =>
    runCommand('send', { args, env: { DATA_DIR: daemon.dataDir } });
  beforeAll(async () => {
    // On a busy machine the default would now and then be over, and the webhook spooled.
    daemon = await startDaemon({ COMMIT_TIMEOUT_MS: '30000' });
  });
  afterAll(() => daemon.dispose());

  it.each([
    ['stripe', 'payment_intent.succeeded', 'evt_'],
    ['whatsapp', 'message.text', 'message:wamid.'],
  ])('posts a webhook of %s that the daemon stores once, however often it comes', async (provider, type, key) => {
    const { code, stdout, stderr } = await send(provider, '--repeat', '3');
    expect(stderr).toBe('');
    const lines = stdout.trimEnd().split('\n');
    const answers = lines.filter((line) => line.startsWith('200 '));
    expect(answers).toEqual([
      expect.stringMatching(/^200 stored {2}x-request-id [0-9a-f-]{36}$/),
      expect.stringMatching(/^200 duplicate {2}x-request-id [0-9a-f-]{36}$/),
      expect.stringMatching(/^200 duplicate {2}x-request-id [0-9a-f-]{36}$/),
    ]);
    const ids = lines.filter((line) => line.startsWith('    '));
    expect(ids).toHaveLength(3);
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).toMatch(new RegExp(`^ {4}${type.replace('.', '\\.')} {2}${key}`));
    expect(code).toBe(0);
  });

  it('posts as many different webhooks as asked for, of the type asked for', async () => {
    const { code, stdout } = await send('stripe', 'invoice.paid', '--count', '3', '--repeat', '2');
    expect(stdout.match(/^200 stored/gm)).toHaveLength(3);
    expect(stdout.match(/^200 duplicate/gm)).toHaveLength(3);
    expect(stdout.match(/^ {4}invoice\.paid {2}evt_/gm)).toHaveLength(6);
    expect(code).toBe(0);
  });

  it('posts the bytes of a file as they are, and names every event in it', async () => {
    const file = join(daemon.dataDir, 'batch.json');
    writeFileSync(file, readFixture('whatsapp', 'batch'));
    const { code, stdout } = await send('whatsapp', '--file', file);
    expect(stdout).toMatch(/^200 stored/);
    expect(stdout.match(/^ {4}(message|status)/gm)?.length).toBeGreaterThan(1);
    expect(code).toBe(0);
  });

  it('posts where --url says, and to the provider’s path if that names none', async () => {
    const port = await freePort();
    const [base, whole, away] = await Promise.all([
      send('stripe', '--url', daemon.url),
      send('whatsapp', '--url', `${daemon.url}/webhooks/stripe`),
      send('stripe', '--url', `http://127.0.0.1:${port}`),
    ]);
    expect(base.stdout).toMatch(/^200 stored/);
    expect(whole.stdout).toMatch(/^401 - {2}x-request-id [0-9a-f-]{36}\n {4}message.*\n {4}.*"unauthorized"/);
    expect(whole).toMatchObject({ code: 1, stderr: '1 of 1 were not accepted.\n' });
    expect(away).toMatchObject({
      code: 1,
      stdout: '',
      stderr: `http://127.0.0.1:${port}/webhooks/stripe does not answer (ECONNREFUSED). Is the daemon running? npm start\n`,
    });
  });

  it('runs from the sources too, as npm runs it', async () => {
    const script = fileURLToPath(new URL('../../src/cli/send.ts', import.meta.url));
    const tsx = import.meta.resolve('tsx');
    const result = await runNode(['--import', tsx, script, 'stripe'], { env: { DATA_DIR: daemon.dataDir } });
    expect(result).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^200 stored/) });
  });

  it.each([
    [['stripe', 'nonsense'], /no sample of nonsense; there are payment_intent\.succeeded, .*invoice\.paid/],
    [['whatsapp', 'nonsense'], /no sample of nonsense; there are message\.text, .*status\.delivered/],
    [['paypal'], /Allowed choices are stripe, whatsapp/],
    [['stripe', '--count', '0'], /write a whole number from 1/],
    [['stripe', '--cuont', '1'], /unknown option '--cuont'/],
    [[], /missing required argument 'provider'/],
    [['stripe', '--url', 'localhost:3000'], /^--url: localhost:3000 is not a URL such as http:\/\/127\.0\.0\.1:3000$/m],
  ])('%j is refused with 2, and with what to write instead', async (args, message) => {
    const { code, stdout, stderr } = await send(...args);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('    at ');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it('a file that is not there is a failure, and --help none', async () => {
    const [absent, help] = await Promise.all([send('stripe', '--file', '/nowhere.json'), send('--help')]);
    expect(absent).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^ENOENT: no such file.*nowhere\.json/),
    });
    expect(help).toEqual({ code: 0, stdout: expect.stringContaining('Examples:'), stderr: '' });
  });
});

describe('npm run send, without a daemon', () => {
  const STRIPE_WEBHOOK_SECRET = 'whsec_send';

  it('says that there is no secret yet where none was generated', async () => {
    expect(await runCommand('send', { args: ['stripe'] })).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^There is no secret for stripe here, and none generated in .*: start the daemon once/,
      ),
    });
  });

  it('says that nobody answers where a daemon would listen', async () => {
    const PORT = String(await freePort());
    const [usual, any] = await Promise.all([
      runCommand('send', { args: ['stripe'], env: { STRIPE_WEBHOOK_SECRET, PORT } }),
      runCommand('send', { args: ['stripe'], env: { STRIPE_WEBHOOK_SECRET, PORT: '0' } }),
    ]);
    const url = `http://127.0.0.1:${PORT}/webhooks/stripe`;
    expect(usual).toMatchObject({
      code: 1,
      stderr: `${url} does not answer (ECONNREFUSED). Is the daemon running? npm start\n`,
    });
    expect(any).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^No daemon runs on \/.*\/data\. Is the daemon/),
    });
  });

  it('lists the faults of a broken configuration', async () => {
    const { code, stderr } = await runCommand('send', { args: ['stripe'], env: { PORT: 'x', LOG_LEVEL: 'y' } });
    expect(stderr).toMatch(/^The configuration has 2 faults:\n {2}- PORT: .*\n {2}- LOG_LEVEL: /);
    expect(code).toBe(1);
  });

  it('follows no redirect, as providers do not', async () => {
    const server: Server = createServer((request, response) => {
      request.resume().once('end', () => response.writeHead(301, { location: '/elsewhere' }).end('moved'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const args = ['stripe', '--url', `http://127.0.0.1:${port}`];
    const { code, stdout } = await runCommand('send', { args, env: { STRIPE_WEBHOOK_SECRET } });
    server.close();
    expect(stdout).toMatch(/^301 - /);
    expect(code).toBe(1);
  });
});
