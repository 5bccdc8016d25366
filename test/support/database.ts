/** A database of a suite's own, on the server that the whole run shares. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { inject } from 'vitest';

export interface TestDatabase {
  readonly url: string;
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: rows of whatever a test asks for
  query<Row = any>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
  /** Removes the gateway's rows; the tables stay. */
  truncate(): Promise<void>;
  /** Also with connections open, for which it waits a moment: a pool's end does not wait for the server's side. Idempotent. */
  drop(): Promise<void>;
}

/** Migrated, unless an empty one is asked for. */
export async function createDatabase({ migrated = true }: { migrated?: boolean } = {}): Promise<TestDatabase> {
  const adminUrl = inject('databaseAdminUrl');
  const name = `gateway_test_${randomBytes(6).toString('hex')}`;
  const template = migrated ? inject('templateDatabase') : 'template0';
  await withClient(adminUrl, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`));
  const url = new URL(adminUrl);
  url.pathname = name;
  const pool = new pg.Pool({ connectionString: url.toString(), max: 2 });
  pool.on('error', () => undefined);
  let dropped = false;
  return {
    url: url.toString(),
    name,
    async query(sql, parameters = []) {
      return (await pool.query(sql, [...parameters])).rows;
    },
    async truncate() {
      // Not TRUNCATE: that makes new files for every table and index, which takes much longer than to delete a few rows.
      await pool.query(`
        DELETE FROM event_dispatch; DELETE FROM events; DELETE FROM webhook_requests;
        DELETE FROM delivery_attempts; DELETE FROM deliveries; DELETE FROM destination_state; DELETE FROM destinations;
        DELETE FROM replays`);
    },
    async drop() {
      if (dropped) return;
      dropped = true;
      await pool.end();
      await withClient(adminUrl, async (client) => {
        const open = async () => (await client.query(SESSIONS, [name])).rows.length > 0;
        for (let looks = 0; looks < 50 && (await open()); looks++) await sleep(10);
        await client.query(`DROP DATABASE ${name} WITH (FORCE)`);
      });
    },
  };
}

const SESSIONS = `SELECT FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'`;

async function withClient(url: string, use: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await use(client);
  } finally {
    await client.end();
  }
}
