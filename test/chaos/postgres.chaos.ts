/** PostgreSQL stops, hangs, refuses or cuts off: nothing is refused meanwhile, and nothing is lost or kept twice. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { FULL, LIMITS, SECONDS } from './form.ts';
import { expectInTime, expectNothingRefused, type Fault, rideOut } from './outage.ts';
import { takeAllConnections } from './pool-hog.ts';
import { type Row, withRow } from './row.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgresServer({ settings: { max_connections: '40', superuser_reserved_connections: '0' } });
});
afterAll(() => server.destroy());

/** A row in which every webhook must be answered 200 at its first attempt, and in time. */
function outage(fault: string, how: (row: Row) => Fault): void {
  test(fault, () =>
    withRow({ fault, postgres: server }, async (row) => {
      await row.startDaemon();
      const outcome = await rideOut(row, how(row));
      await expectNothingRefused(row, outcome);
      expectInTime(outcome);
    }),
  );
}

/** As the superuser, in a database that is none of the gateway's. */
async function administer(...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: server.url('postgres') });
  await client.connect();
  await client.query('SET default_transaction_read_only = off');
  for (const statement of statements) await client.query(statement);
  await client.end();
}

const terminate = (row: Row) =>
  `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${row.database}'`;

outage('PostgreSQL stopped (immediate)', () => ({
  seconds: SECONDS.stopped,
  begin: () => server.stop('immediate'),
  end: () => server.start(),
}));

outage('PostgreSQL paused (SIGSTOP)', () => ({
  seconds: SECONDS.paused,
  begin: () => server.pause(),
  end: () => server.resume(),
}));

outage('every backend terminated, twice a second', (row) => {
  let timer: NodeJS.Timeout | undefined;
  return {
    seconds: SECONDS.refusing,
    // A connection that is cut twice in a row takes its batch to the spool, and may as well not.
    spools: false,
    begin() {
      timer = setInterval(() => void administer(terminate(row)), 500);
    },
    end: () => clearInterval(timer),
  };
});

outage('every connection taken by another client', (row) => {
  let giveBack: (() => Promise<void>) | undefined;
  return {
    seconds: SECONDS.refusing,
    async begin() {
      giveBack = await takeAllConnections(server, row.database);
    },
    end: () => giveBack?.(),
  };
});

outage('read-only standby (default_transaction_read_only)', (row) => ({
  seconds: SECONDS.refusing,
  begin: () =>
    administer('ALTER SYSTEM SET default_transaction_read_only = on', 'SELECT pg_reload_conf()', terminate(row)),
  end: () => administer('ALTER SYSTEM RESET default_transaction_read_only', 'SELECT pg_reload_conf()'),
}));

/** A row whose daemon reaches PostgreSQL through a proxy. */
async function throughProxy(fault: string, use: (row: Row, proxy: TcpProxy) => Promise<void>): Promise<void> {
  const proxy = await startTcpProxy(server.port);
  try {
    await withRow({ fault, postgres: server, databasePort: proxy.port }, async (row) => {
      await row.startDaemon();
      await use(row, proxy);
    });
  } finally {
    await proxy.close();
  }
}

test('PostgreSQL slow by 3 s: the spool answers in its place', () =>
  throughProxy('PostgreSQL slow by 3 s', async (row, proxy) => {
    const begin = () => proxy.delay(1_500);
    const end = () => proxy.delay(0);
    const outcome = await rideOut(row, { seconds: SECONDS.slow, begin, end });
    await expectNothingRefused(row, outcome);
    expectInTime(outcome);
    if (FULL) expect(outcome.latency['fault']?.max).toBeLessThan(LIMITS.p99Ms);
  }));

/** First messages of a statement with parameters: Parse, and Bind once it has been prepared. */
const PARSE = 0x50;
const BIND = 0x42;
/** Bytes above which it can only be a batch: everything else that the daemon asks is shorter. */
const BATCH = 700;

test.each(['sent', 'answered'] as const)('the connection cut in mid-commit, as soon as the batch is %s', (moment) =>
  throughProxy(`connection cut when the batch is ${moment}`, async (row, proxy) => {
    let batches = 0;
    let cuts = 0;
    const begin = () =>
      proxy.cutAfter((chunk) => {
        if ((chunk[0] !== PARSE && chunk[0] !== BIND) || chunk.length < BATCH || ++batches % 3 !== 0) return null;
        cuts++;
        return moment;
      });
    const end = () => proxy.cutAfter(() => null);
    const outcome = await rideOut(row, { seconds: SECONDS.cutting, begin, end, spools: false });
    await expectNothingRefused(row, outcome);
    expect(cuts).toBeGreaterThan(10);
  }),
);
