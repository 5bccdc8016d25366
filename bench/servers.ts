/** The PostgreSQL and the Redis of a run, started for it and removed after it. */
import pg from 'pg';
import { type PostgresServer, startPostgresServer } from '../test/support/postgres-server.ts';
import { type RedisServer, startRedisServer } from '../test/support/redis-server.ts';
import { cpuMicroseconds } from './processes.ts';
import type { Stores } from './rivals/rival.ts';
import { POSTGRES_SETTINGS } from './settings.ts';

export interface Servers {
  readonly postgres: PostgresServer;
  readonly redis: RedisServer;
  /** Version and the settings that matter, for the head of the report. */
  readonly description: string;
  /** A new database for a rival, on the common server, and the common Redis. */
  stores(database: string): Promise<Stores>;
  /** Writes everything dirty to disk, so that no measurement pays for the one before it. */
  checkpoint(): Promise<void>;
  /** Bytes of write-ahead log so far. */
  walBytes(): Promise<number>;
  postgresCpu(): number;
  close(): Promise<void>;
}

/** @param gigabytes of write-ahead log to age the server with */
export async function startServers(gigabytes: number): Promise<Servers> {
  const postgres = await startPostgresServer({ fsync: true, settings: POSTGRES_SETTINGS });
  const redis = await startRedisServer();
  const admin = new pg.Client({ connectionString: postgres.url() });
  await admin.connect();
  await age(admin, gigabytes);
  const existing = new Set(['gateway']);
  return {
    postgres,
    redis,
    description: await describe(admin),
    async stores(database) {
      if (!existing.has(database)) await postgres.createDatabase(database);
      existing.add(database);
      return { databaseUrl: postgres.url(database), redisUrl: redis.url };
    },
    async checkpoint() {
      await admin.query('CHECKPOINT');
    },
    async walBytes() {
      const { rows } = await admin.query<{ bytes: string }>(
        `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') AS bytes`,
      );
      return Number(rows[0]?.bytes);
    },
    postgresCpu: () => cpuMicroseconds(postgres.pid()),
    async close() {
      await admin.end();
      await redis.destroy();
      await postgres.destroy();
    },
  };
}

/**
 * A server fresh from initdb pays once for what one that has run for a day has long paid: each file of write-ahead log is
 * written twice (it is filled with zeros first), and each page of shared memory is cleared by the kernel when first touched.
 * That doubles PostgreSQL's processor time per row. So some gigabytes are written and thrown away first.
 */
async function age(admin: pg.Client, gigabytes: number): Promise<void> {
  await admin.query('CREATE TABLE filler (bytes bytea)');
  for (let round = 0; round < gigabytes * 2; round++) {
    await admin.query(
      `INSERT INTO filler SELECT convert_to(repeat(md5(n::text), 60), 'UTF8') FROM generate_series(1, 250000) AS n`,
    );
  }
  await admin.query('DROP TABLE filler');
  await admin.query('CHECKPOINT');
}

async function describe(admin: pg.Client): Promise<string> {
  const names = ['shared_buffers', 'max_wal_size', 'fsync', 'full_page_writes', 'synchronous_commit'];
  const settings: string[] = [];
  for (const name of names) {
    const { rows } = await admin.query<{ value: string }>(`SELECT current_setting('${name}') AS value`);
    settings.push(`${name}=${rows[0]?.value}`);
  }
  const { rows } = await admin.query<{ server_version: string }>('SHOW server_version');
  return `PostgreSQL ${rows[0]?.server_version} (${settings.join(', ')})`;
}
