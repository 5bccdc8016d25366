/** Logs in to an embedded server as its superuser, with limits on every wait. */
import { realpath } from 'node:fs/promises';
import pg from 'pg';
import { connectionConfig } from '../connection.ts';

export interface ServerAddress {
  readonly port: number;
  readonly password: string;
}

export const DATABASE = 'gateway';

const WAIT_MS = 5_000;

/** URL of a database of the server: TCP on the loopback interface, hence without TLS. */
export function embeddedDatabaseUrl({ port, password }: ServerAddress, database: string = DATABASE): string {
  return `postgresql://postgres:${password}@127.0.0.1:${port}/${database}?sslmode=disable`;
}

/** True if the password opens the server on this port, and the server's data directory is this one. */
export async function answersFor(clusterDirectory: string, address: ServerAddress): Promise<boolean> {
  try {
    const [row] = await query(
      embeddedDatabaseUrl(address, 'postgres'),
      "SELECT current_setting('data_directory') AS place",
    );
    return row?.['place'] === (await realpath(clusterDirectory));
  } catch {
    return false;
  }
}

/**
 * Creates the gateway's database unless it exists.
 *
 * @throws pg's error; its code is 28P01 if the password is wrong
 */
export async function ensureDatabase(address: ServerAddress): Promise<void> {
  const url = embeddedDatabaseUrl(address, 'postgres');
  const found = await query(url, `SELECT 1 FROM pg_database WHERE datname = '${DATABASE}'`);
  if (found.length === 0) await query(url, `CREATE DATABASE ${DATABASE}`);
}

async function query(databaseUrl: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(
    connectionConfig({
      databaseUrl,
      applicationName: 'webhook-gateway start',
      connectTimeoutMs: WAIT_MS,
      queryTimeoutMs: WAIT_MS,
    }),
  );
  // A connection that breaks while idle is reported here as well as by the query; unheard it would end the process.
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
