import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { pendingMigrations } from '../../../src/storage/postgres/migrations/apply.ts';
import { type MigrationState, migrateUntilDone } from '../../../src/storage/postgres/migrations/migrate-until-done.ts';
import { type PostgresServer, startPostgresServer } from '../../support/postgres-server.ts';
import { until } from '../../support/until.ts';
import { type LogLine, recordingLogger, withClient } from './migration-fixtures.ts';

const backoff = { firstMs: 20, maxMs: 50 };
const warnings = (lines: readonly LogLine[]) => lines.filter((line) => line.level === 'warn');

const execute = (url: string, sql: string) => withClient(url, (client) => client.query(sql));

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgresServer();
});
afterAll(() => server.destroy());

it('waits for a PostgreSQL that is away, warns once, and never tells the password', async () => {
  const logger = recordingLogger();
  const states: MigrationState[] = [];
  const databaseUrl = server.url();
  await server.stop();
  const { signal } = new AbortController();
  const done = migrateUntilDone({ databaseUrl }, { logger, signal, backoff, onState: (state) => states.push(state) });
  await until('four failures', () => states.filter((state) => state.phase === 'waiting').length >= 4);
  expect(warnings(logger.lines)).toHaveLength(1);
  await server.start();
  await done;
  expect(states.at(0)).toEqual({ phase: 'applying', tablesReady: false });
  expect(states.at(1)).toEqual({
    phase: 'waiting',
    tablesReady: false,
    reason: expect.stringContaining('ECONNREFUSED'),
  });
  expect(states.slice(-2)).toEqual([
    { phase: 'applying', tablesReady: true },
    { phase: 'done', tablesReady: true },
  ]);
  expect(await pendingMigrations({ databaseUrl })).toEqual([]);
  expect(new URL(databaseUrl).password).not.toBe('');
  expect(JSON.stringify([logger.lines, states])).not.toContain(new URL(databaseUrl).password);
});

it('tries again for as long as PostgreSQL refuses, and tells every new reason', async () => {
  const logger = recordingLogger();
  const databaseUrl = server.url('refusing');
  const reasons = new Set<string | undefined>();
  const { signal } = new AbortController();
  const onState = (state: MigrationState) => reasons.add(state.reason?.match(/\(\w{5}\)/)?.[0]);
  const done = migrateUntilDone({ databaseUrl }, { logger, signal, backoff, onState });
  await until('its refusal', () => reasons.has('(3D000)'));
  // Nobody may connect before its table is there.
  await server.createDatabase('prepared');
  await execute(server.url('prepared'), 'CREATE TABLE events (id int)');
  await execute(server.url(), 'ALTER DATABASE prepared RENAME TO refusing');
  await until('a clash of names', () => reasons.has('(42P07)'));
  await execute(databaseUrl, 'DROP TABLE events');
  await done;
  expect(await pendingMigrations({ databaseUrl })).toEqual([]);
  expect(warnings(logger.lines).map((line) => line.fields)).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ sqlState: '3D000' }),
      expect.objectContaining({ sqlState: '42P07' }),
    ]),
  );
});

it('stops when it is aborted, whatever it is waiting for', async () => {
  // Takes connections and never says a word.
  const silent = await new Promise<Server>((resolve) => {
    const listener = createServer().listen(0, '127.0.0.1', () => resolve(listener));
  });
  const address = silent.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const connected = new Promise<void>((resolve) => {
    silent.on('connection', (socket) => {
      socket.on('error', () => undefined).resume();
      resolve();
    });
  });
  const target = { databaseUrl: `postgresql://user:secret@127.0.0.1:${port}/any` };
  const duringConnect = new AbortController();
  const first = migrateUntilDone(target, { logger: recordingLogger(), signal: duringConnect.signal });
  await connected;
  duringConnect.abort();
  await first;
  await new Promise((resolve) => silent.close(resolve));

  const duringWait = new AbortController();
  let second: Promise<void> | undefined;
  await new Promise<void>((resolve) => {
    const anHour = { firstMs: 3_600_000, maxMs: 3_600_000, unreachableMaxMs: 3_600_000 };
    const onState = (state: MigrationState) => state.phase === 'waiting' && resolve();
    const options = { logger: recordingLogger(), signal: duringWait.signal, backoff: anHour, onState };
    second = migrateUntilDone(target, options);
  });
  duringWait.abort();
  await second;
});

it('rejects where no attempt could succeed', async () => {
  const options = { logger: recordingLogger(), signal: new AbortController().signal };
  await expect(migrateUntilDone({ databaseUrl: 'not a url' }, options)).rejects.toThrow(TypeError);
  await expect(
    migrateUntilDone({ databaseUrl: server.url() }, { ...options, folder: '/nonexistent/migrations' }),
  ).rejects.toMatchObject({ name: 'StartupError', message: expect.stringContaining('/nonexistent/migrations') });
});
