/** Another client that takes every connection PostgreSQL has. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { PostgresServer } from '../support/postgres-server.ts';
import { until } from '../support/until.ts';

/**
 * Takes what is free, ends the connections to `database` and takes those too, and again whenever one gets in between.
 * Resolves when nobody else has any; the function returned gives all back. The server must reserve none for superusers.
 */
export async function takeAllConnections(server: PostgresServer, database: string): Promise<() => Promise<void>> {
  const connectionString = server.url('postgres');
  const held: pg.Client[] = [];
  const take = async (): Promise<boolean> => {
    const client = new pg.Client({ connectionString });
    client.on('error', () => undefined);
    return client.connect().then(
      () => held.push(client) > 0,
      () => false,
    );
  };
  await take();
  const others = async (): Promise<number> => {
    const sql = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1';
    return (await held[0]?.query(sql, [database]))?.rowCount ?? 0;
  };
  let running = true;
  let alone = false;
  const taking = (async () => {
    while (running) {
      if (await take()) continue;
      alone = (await others()) === 0;
      await sleep(10);
    }
  })();
  await until('every connection to be taken', () => alone);
  return async () => {
    running = false;
    await taking;
    await Promise.all(held.map((client) => client.end()));
  };
}
