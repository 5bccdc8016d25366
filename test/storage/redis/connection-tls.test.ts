import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { createRedisConnection, type RedisConnection } from '../../../src/storage/redis/connection.ts';
import { type RedisServer, startRedisServer } from '../../support/redis-server.ts';
import { describeWithRedisServer } from '../../support/redis-suites.ts';

const WAIT = { timeout: 15_000, interval: 10 };
/** Makes the certificate; where it is missing the suite is skipped, except in CI. */
const openssl = spawnSync('openssl', ['version']).status === 0 || process.env['CI'] === 'true';

describeWithRedisServer('redis connection over TLS (certificate made with openssl)', () => {
  let redis: RedisServer;
  let front: Server;
  let directory: string;
  let connection: RedisConnection;
  /** The names that clients asked for. */
  const names: (string | false | null)[] = [];
  const reasons: string[] = [];

  function open(): void {
    const address = front.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    connection = createRedisConnection({
      url: `rediss://localhost:${port}`,
      logger: { info: () => undefined, warn: (details: unknown) => void reasons.push(JSON.stringify(details)) },
      // Late: on a busy machine a look might come before the end of the handshake.
      probeEveryMs: 2_000,
    });
  }

  beforeAll(async () => {
    if (!openssl) return;
    redis = await startRedisServer();
    directory = await mkdtemp(join(tmpdir(), 'redis-tls-'));
    const key = join(directory, 'key.pem');
    const cert = join(directory, 'cert.pem');
    const made = spawnSync('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'],
      ...['-subj', '/CN=localhost', '-keyout', key, '-out', cert],
    ]);
    if (made.status !== 0) throw new Error(made.stderr.toString());
    front = createServer({ key: await readFile(key), cert: await readFile(cert) }, (socket: TLSSocket) => {
      names.push(socket.servername);
      const plain = connect(redis.port, '127.0.0.1');
      socket.pipe(plain).pipe(socket);
      plain.on('error', () => socket.destroy());
      socket.on('error', () => plain.destroy());
    });
    front.on('tlsClientError', () => undefined);
    front.listen(0, '127.0.0.1');
    await once(front, 'listening');
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    if (openssl) await connection.close();
  });
  afterAll(async () => {
    if (!openssl) return;
    front.close();
    await redis.destroy();
    await rm(directory, { recursive: true });
  });

  test.runIf(openssl)('does not speak to a server whose certificate nobody vouches for', async () => {
    open();
    await vi.waitFor(() => expect(reasons.join()).toMatch(/SELF_SIGNED/), WAIT);
    expect(connection.up()).toBe(false);
  });

  test.runIf(openssl)('speaks TLS and names the server', async () => {
    // Node's own way to vouch, NODE_EXTRA_CA_CERTS, is read before any test runs.
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    names.length = 0;
    open();
    await vi.waitFor(() => expect(connection.up()).toBe(true), WAIT);
    expect(await connection.run((client) => client.ping(), 'nothing')).toBe('PONG');
    expect(names).toContain('localhost');
  });
});
