/** How the daemon ends: everything taken is answered, and nothing goes on quietly after a defect. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readDaemonFile } from '../../src/storage/disk/daemon-file.ts';
import { bareEnvironment, DAEMON_SCRIPT, openTempDirectory, startDaemon } from '../support/daemon.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { startTestGateway } from '../support/gateway.ts';
import { head, openRaw } from '../support/raw-http.ts';
import { until } from '../support/until.ts';
import { fresh, keysOf, PROVIDER_ENVIRONMENT, post } from '../support/webhooks.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

test('SIGTERM under load: every request on an accepted connection is answered, and the exit code is 0', async () => {
  const daemon = await startDaemon({ ...PROVIDER_ENVIRONMENT, DATABASE_URL: database.url });
  const webhooks = Array.from({ length: 100 }, () => fresh('stripe'));
  const connections = await Promise.all(webhooks.map(() => openRaw(daemon.url)));
  webhooks.forEach(({ body, headers }, index) => {
    connections[index]?.write(head({ ...headers, 'Content-Length': body.length }));
    connections[index]?.write(body);
  });
  await until('the first answer', () => connections.some(({ received }) => received().includes('200 OK')));
  expect(await daemon.stop()).toBe(0);
  const texts = await Promise.all(connections.map(({ closed }) => closed));
  expect(texts.filter((text) => !text.startsWith('HTTP/1.1 200'))).toEqual([]);
  await expect(post(daemon.url, fresh('stripe'))).rejects.toThrow();
  const stored = new Set((await database.query('SELECT dedupe_key FROM events')).map(({ dedupe_key }) => dedupe_key));
  expect(webhooks.flatMap((webhook) => keysOf(webhook)).filter((key) => !stored.has(key))).toEqual([]);
  await daemon.dispose();
});

test('while it stops, /ready is 503 and webhooks are still served until SHUTDOWN_DELAY_MS is over', async () => {
  const gateway = await startTestGateway({ DATABASE_URL: database.url, SHUTDOWN_DELAY_MS: '1500' });
  const stopped = gateway.stop();
  const ready = await fetch(`${gateway.url}/ready`);
  expect([ready.status, ready.headers.get('connection')]).toEqual([503, 'close']);
  expect(await ready.json()).toMatchObject({ checks: { lifecycle: { ok: false, detail: 'the gateway is stopping' } } });
  expect((await post(gateway.url, fresh('stripe'))).accepted).toBe('stored');
  await stopped;
  await expect(fetch(`${gateway.url}/health`)).rejects.toThrow();
});

test.each([
  ['an unhandled rejection', "Promise.reject(new Error('a defect'))"],
  ['an uncaught exception', "throw new Error('a defect')"],
])('%s ends the daemon with 1', async (_name, defect) => {
  // As soon as the daemon has taken charge of its signals, which is before it has started.
  const script = `const wait = setInterval(() => {
    if (!process.listenerCount('SIGTERM')) return;
    clearInterval(wait);
    ${defect};
  }, 20)`;
  const preload = `data:text/javascript,${encodeURIComponent(script)}`;
  const home = openTempDirectory('gateway-defect-');
  const child = spawn(process.execPath, ['--import', preload, DAEMON_SCRIPT], {
    cwd: home,
    env: bareEnvironment({ ...PROVIDER_ENVIRONMENT, DATABASE_URL: database.url, PORT: '0', DATA_DIR: home }),
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(1);
  expect(output).toContain('a defect');
  rmSync(home, { recursive: true });
});

test('a server that can lose commits is warned of at start', async () => {
  const [row] = await database.query('SHOW fsync');
  const gateway = await startTestGateway({ DATABASE_URL: database.url });
  const warnings = gateway.log.filter(({ level, msg }) => level === 40 && String(msg).includes('fsync'));
  expect(warnings).toHaveLength(row.fsync === 'off' ? 1 : 0);
  await gateway.stop();
});

test('connections that never say anything, or only half of it, do not hold up a stop', async () => {
  const daemon = await startDaemon({ ...PROVIDER_ENVIRONMENT, DATABASE_URL: database.url, METRICS_PORT: '0' });
  const connections = await Promise.all(Array.from({ length: 5 }, () => openRaw(daemon.url)));
  const [silent, halfHeader, keptAlive, refused, halfSecond] = connections;
  halfHeader?.write('POST /webhooks/stripe HTTP/1.1\r\nHost: x');
  keptAlive?.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
  // Answered 401 while most of its body is still to come.
  refused?.write(head({ 'Content-Length': 1_000_000 }));
  halfSecond?.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /health HT');
  await until('the answers', () =>
    [keptAlive, refused, halfSecond].every((connection) => connection?.received().includes('HTTP/1.1 ')),
  );
  expect(await daemon.stop()).toBe(0);
  await Promise.all(connections.map(({ closed }) => closed));
  expect(silent?.received()).toBe('');
  expect(daemon.output()).not.toContain('SHUTDOWN_TIMEOUT_MS');
  await daemon.dispose();
});

test('a request that never ends is cut in time for everything else to be closed in order', async () => {
  const daemon = await startDaemon({
    ...PROVIDER_ENVIRONMENT,
    DATABASE_URL: database.url,
    SHUTDOWN_TIMEOUT_MS: '4000',
  });
  const endless = await openRaw(daemon.url);
  const { headers } = fresh('stripe');
  endless.write(head({ ...headers, 'Content-Length': 4_000_000 }));
  const flow = setInterval(() => endless.write(Buffer.alloc(20_000)), 100);
  const before = await fetch(`${daemon.url}/metrics`).then((response) => response.text());
  expect(before).toContain('webhook_queue_bytes');
  expect(await daemon.stop()).toBe(0);
  clearInterval(flow);
  await endless.closed;
  await daemon.dispose();
});

test('a fault of the machine’s code ends the process at once, for its supervisor to see', async () => {
  const daemon = await startDaemon({ ...PROVIDER_ENVIRONMENT, DATABASE_URL: database.url });
  daemon.child.kill('SIGSEGV');
  await daemon.exited;
  expect(daemon.child.signalCode).toBe('SIGSEGV');
  await daemon.dispose();
});

test.skipIf(!existsSync('/proc/self'))('a terminal that is closed stops the daemon in order', async () => {
  const home = openTempDirectory('gateway-terminal-');
  const env = bareEnvironment({
    ...PROVIDER_ENVIRONMENT,
    DATABASE_URL: database.url,
    PORT: '0',
    DATA_DIR: join(home, 'data'),
  });
  const terminal = spawn('script', ['-qec', `"${process.execPath}" "${DAEMON_SCRIPT}"`, '/dev/null'], {
    cwd: home,
    env,
    stdio: 'ignore',
  });
  const { pid } = await until('the daemon to listen', () => readDaemonFile(join(home, 'data')));
  terminal.kill('SIGKILL');
  // Gone only at the end of an orderly stop.
  await until('the daemon to take its leave', () => readDaemonFile(join(home, 'data')) === null);
  await until('the process to end', () => !existsSync(`/proc/${pid}`));
  rmSync(home, { recursive: true });
});

test('the start script becomes the daemon, so that a signal to what npm runs reaches it', async () => {
  const { scripts } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const home = openTempDirectory('gateway-script-');
  const env = bareEnvironment({
    ...PROVIDER_ENVIRONMENT,
    DATABASE_URL: database.url,
    PORT: '0',
    DATA_DIR: join(home, 'data'),
  });
  // npm runs it so, in the folder of the package.
  const child = spawn('sh', ['-c', scripts.start], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env,
    stdio: 'ignore',
  });
  const { pid } = await until('the daemon to listen', () => readDaemonFile(join(home, 'data')));
  expect(pid).toBe(child.pid);
  child.kill('SIGTERM');
  expect(await once(child, 'close')).toEqual([0, null]);
  rmSync(home, { recursive: true });
});

test('a stop during the start ends it without listening, and with 0', async () => {
  const home = openTempDirectory('gateway-start-');
  // A PostgreSQL that accepts connections and says nothing: the start waits for it.
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const child = spawn(process.execPath, [DAEMON_SCRIPT], {
    cwd: home,
    env: bareEnvironment({
      ...PROVIDER_ENVIRONMENT,
      DATABASE_URL: `postgresql://nobody@127.0.0.1:${port}/none?sslmode=disable`,
      PORT: '0',
      DATA_DIR: home,
    }),
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  await once(silent, 'connection');
  child.kill('SIGTERM');
  expect(await once(child, 'close')).toEqual([0, null]);
  expect(output).toContain('stopped');
  expect(output).not.toContain('listens');
  silent.close();
  rmSync(home, { recursive: true });
});
