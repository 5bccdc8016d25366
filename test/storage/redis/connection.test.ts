import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createRedisConnection, type RedisConnection } from '../../../src/storage/redis/connection.ts';
import { type RedisServer, startRedisServer } from '../../support/redis-server.ts';
import { describeWithRedisServer } from '../../support/redis-suites.ts';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts';

const WAIT = { timeout: 30_000, interval: 10 };
/** Milliseconds between two looks of a connection: soon, for tests that wait for some of them. */
const SOON = 150;
/** Late, for tests of what the first try has found: on a busy machine a look might come before its answer. */
const PATIENTLY = 2_000;

describeWithRedisServer('redis connection', () => {
  let server: RedisServer;
  let proxy: TcpProxy;
  let connection: RedisConnection;
  /** Every line logged, as JSON. */
  let lines: string[];
  let states: boolean[];

  function open(url: string, probeEveryMs = SOON): RedisConnection {
    const log = (level: string) => (details: unknown, text?: string) =>
      void lines.push(JSON.stringify({ level, details, text }));
    connection = createRedisConnection({
      url,
      logger: { info: log('info'), warn: log('warn') },
      onState: (up) => states.push(up),
      probeEveryMs,
    });
    return connection;
  }
  const untilUp = () => vi.waitFor(() => expect(connection.up()).toBe(true), WAIT);
  const untilAway = () => vi.waitFor(() => expect(states.at(-1)).toBe(false), WAIT);
  const timesAway = () => states.filter((up) => !up).length;
  const ping = () => connection.run((client) => client.ping(), 'nothing');
  /** On a busy machine a single answer may come too late. */
  const untilAnswered = () => vi.waitFor(async () => expect(await ping()).toBe('PONG'), WAIT);
  /** One line for each change, and no state twice in a row. */
  const expectOneLineForEachChange = () => {
    expect(lines).toHaveLength(states.length);
    expect(states.filter((up, index) => up === states[index - 1])).toEqual([]);
  };
  /** The proxy learns of the end of one connection now before, now after the beginning of the next. */
  const untilOneIsOpen = () => vi.waitFor(() => expect(proxy.open).toBeLessThanOrEqual(1), WAIT);
  /** Nobody asks a Redis that is not asked: traffic is what misses deadlines. */
  const untilAwayUnderTraffic = () =>
    vi.waitFor(async () => {
      expect(await ping()).toBe('nothing');
      expect(connection.up()).toBe(false);
    }, WAIT);

  beforeEach(async () => {
    lines = [];
    states = [];
    server = await startRedisServer();
    proxy = await startTcpProxy(server.port);
  });
  afterEach(async () => {
    await connection.close();
    await proxy.close();
    await server.destroy();
  });

  it('runs operations and says once that Redis is up', async () => {
    open(server.url, PATIENTLY);
    expect(await ping()).toBe('nothing');
    await untilUp();
    await untilAnswered();
    expect(states[0]).toBe(true);
    expectOneLineForEachChange();
    expect(connection.outstanding()).toBe(0);
  });

  it('resolves to the fallback when Redis refuses, and stays up', async () => {
    open(server.url, PATIENTLY);
    await untilUp();
    await server.cli('SET', 'text', 'a');
    expect(await connection.run((client) => client.incr('text'), -1)).toBe(-1);
    expect(
      await connection.run(() => {
        throw new Error('of the operation itself');
      }, 'nothing'),
    ).toBe('nothing');
    expect(connection.up()).toBe(true);
    expect(connection.outstanding()).toBe(0);
  });

  it('goes on without a Redis that is killed, and uses it again when it is back', async () => {
    open(server.url);
    await untilUp();
    await server.kill();
    await untilAway();
    expect(await ping()).toBe('nothing');
    await server.start();
    await untilUp();
    await untilAnswered();
    expectOneLineForEachChange();
  });

  it('waits for a Redis that is not there yet', async () => {
    await server.kill();
    open(server.url, PATIENTLY);
    await untilAway();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('ECONNREFUSED');
    await server.start();
    await untilUp();
  });

  it('keeps what it owes below 1,000 commands while Redis is paused, and owes nothing once it counts as away', async () => {
    open(server.url);
    await untilUp();
    const { client } = connection;
    server.pause();
    const asked = Array.from({ length: 5000 }, () => ping());
    expect(connection.outstanding()).toBe(999);
    expect(client.commandQueue.length).toBe(999);
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['nothing']));
    await untilAwayUnderTraffic();
    await vi.waitFor(() => expect(client.commandQueue.length).toBe(0), WAIT);
    expect(connection.outstanding()).toBe(0);
    await Promise.all(Array.from({ length: 5000 }, () => ping()));
    expect(client.commandQueue.length).toBeLessThanOrEqual(1);
    server.resume();
    await untilUp();
    await untilAnswered();
    await vi.waitFor(() => expect(client.commandQueue.length).toBe(0), WAIT);
    expectOneLineForEachChange();
  });

  it('notices a pause without any traffic', async () => {
    open(server.url);
    await untilUp();
    server.pause();
    await untilAway();
    server.resume();
    await untilUp();
  });

  it('does not come to count as up, nor gather listeners and connections, while Redis stays paused', async () => {
    open(`redis://127.0.0.1:${proxy.port}`);
    await untilUp();
    server.pause();
    await untilAwayUnderTraffic();
    const tries = proxy.accepted;
    await vi.waitFor(() => expect(proxy.accepted).toBeGreaterThan(tries + 2), WAIT);
    expect(states.at(-1)).toBe(false);
    expectOneLineForEachChange();
    await untilOneIsOpen();
    expect(connection.client.listenerCount('ready')).toBeLessThanOrEqual(2);
    expect(connection.client.listenerCount('close')).toBeLessThanOrEqual(2);
    server.resume();
    await untilUp();
  });

  it('goes on without a Redis that has become slower than the deadline, and takes it back when it is quick again', async () => {
    open(`redis://127.0.0.1:${proxy.port}`);
    await untilUp();
    // Far more than the deadline: this process is the proxy as well, and where it is held up, both have passed at once.
    proxy.delay(500);
    await untilAwayUnderTraffic();
    const tries = proxy.accepted;
    await vi.waitFor(() => expect(proxy.accepted).toBeGreaterThan(tries + 1), WAIT);
    expect(states.at(-1)).toBe(false);
    expectOneLineForEachChange();
    proxy.delay(0);
    await untilUp();
    await untilAnswered();
  });

  it('gives up a connection that was accepted and does not speak, and tries the next', async () => {
    proxy.stall();
    open(`redis://:secret@127.0.0.1:${proxy.port}/0`);
    await vi.waitFor(() => expect(proxy.accepted).toBeGreaterThan(2), WAIT);
    expect(connection.up()).toBe(false);
    await untilOneIsOpen();
    await server.cli('CONFIG', 'SET', 'requirepass', 'secret');
    proxy.resume();
    await untilUp();
  });

  it('survives connections that are cut again and again', async () => {
    open(`redis://127.0.0.1:${proxy.port}`);
    for (let round = 0; round < 2; round += 1) {
      await untilUp();
      const before = timesAway();
      const asked = Array.from({ length: 100 }, () => ping());
      proxy.cut();
      await Promise.all(asked);
      // It may be up again before anybody looks.
      await vi.waitFor(() => expect(timesAway()).toBeGreaterThan(before), WAIT);
    }
    await untilUp();
    expect(connection.outstanding()).toBe(0);
  });

  it('names a wrong password once, as the reason, and never logs it', async () => {
    await server.cli('CONFIG', 'SET', 'requirepass', 'right');
    open(`redis://gateway:hunter2-hunter2@127.0.0.1:${proxy.port}`, PATIENTLY);
    await vi.waitFor(() => expect(proxy.accepted).toBeGreaterThan(1), WAIT);
    expect(states).toEqual([false]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('WRONGPASS');
    expect(lines[0]).not.toContain('hunter2');
  });

  it('does not log a password that a server repeats in its complaint', async () => {
    const parrot = await listen((text) => `-ERR unknown command 'AUTH', with args beginning with: '${text}'\r\n`);
    open(`redis://:hunter2@127.0.0.1:${portOf(parrot)}`, PATIENTLY);
    await untilAway();
    expect(lines.join()).toContain('unknown command');
    expect(lines.join()).not.toContain('hunter2');
    await connection.close();
    parrot.close();
  });

  it('counts a server that refuses the database number as away, rather than using another database', async () => {
    open(`${server.url}/99`, PATIENTLY);
    await untilAway();
    expect(lines.join()).toContain('out of range');
  });

  it('counts a server that speaks another protocol as away', async () => {
    const http = await listen(() => 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
    open(`redis://127.0.0.1:${portOf(http)}`, PATIENTLY);
    await untilAway();
    expect(await ping()).toBe('nothing');
    expect(lines).toHaveLength(1);
    await connection.close();
    http.close();
  });

  it('counts a Redis that is still loading, or lost its master, as away until it serves', async () => {
    await server.cli('CONFIG', 'SET', 'replica-serve-stale-data', 'no');
    await server.cli('REPLICAOF', '127.0.0.1', '1');
    open(server.url, PATIENTLY);
    await untilAway();
    expect(lines.join()).toContain('MASTERDOWN');
    await server.cli('REPLICAOF', 'NO', 'ONE');
    await untilUp();
  });

  it('uses an answer that has come while this process was busy past the deadline', async () => {
    open(server.url);
    await untilUp();
    await vi.waitFor(async () => {
      // From here the event loop runs timers before it reads sockets.
      await new Promise((resolve) => setImmediate(resolve));
      const asked = ping();
      const until = performance.now() + 120;
      while (performance.now() < until);
      expect(await asked).toBe('PONG');
    }, WAIT);
  });

  it('can be closed twice, also while Redis is paused or refuses connections, and is then away for good', async () => {
    open(server.url);
    await untilUp();
    server.pause();
    const asked = ping();
    await Promise.all([connection.close(), connection.close()]);
    expect(await asked).toBe('nothing');
    expect(connection.up()).toBe(false);
    expect(await ping()).toBe('nothing');
    expect(connection.client.status).toBe('end');
    expect(connection.outstanding()).toBe(0);
    await server.kill();
    open(server.url);
    await connection.close();
    expect(connection.client.status).toBe('end');
    open(server.url);
    await untilAway();
    await connection.close();
    expect(connection.client.status).toBe('end');
  });
});

/** A server that answers whatever it is sent. */
async function listen(answer: (received: string) => string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('data', (data) => socket.write(answer(data.toString().replaceAll(/\s+/g, ' '))));
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
