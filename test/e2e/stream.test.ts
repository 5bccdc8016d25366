/** What is stored late is followed all the same: by its position, whatever its id. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { firstIdAt, rowId } from '../../src/core/row-id.ts';
import { ADMIN_KEY, API_ENVIRONMENT } from '../support/api.ts';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { openStream } from '../support/event-stream.ts';
import { startTestGateway } from '../support/gateway.ts';
import { readMetric } from '../support/metrics.ts';
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts';
import { until } from '../support/until.ts';
import { fresh, keysOf, PROVIDER_ENVIRONMENT, post } from '../support/webhooks.ts';

let server: PostgresServer;
let daemon: Daemon;
beforeAll(async () => {
  server = await startPostgresServer();
  daemon = await startDaemon({ DATABASE_URL: server.url(), ...API_ENVIRONMENT, ...PROVIDER_ENVIRONMENT });
});
afterAll(async () => {
  await daemon?.dispose();
  await server?.destroy();
});

/** An event as ingest stores it, of a millisecond of some time, within a transaction that is still open. */
async function holdEvent(time: Date) {
  const client = new pg.Client({ connectionString: server.url() });
  await client.connect();
  const id = firstIdAt(time).slice(0, 14) + rowId().slice(14);
  await client.query('BEGIN');
  await client.query(
    `WITH event AS (
       INSERT INTO events (id, request_id, source, provider, type, dedupe_key, received_at, payload)
       VALUES ($1, $1, 'stripe', 'stripe', 'late', $2, $3, '{}') RETURNING id, received_at)
     INSERT INTO event_dispatch (event_id, received_at) SELECT id, received_at FROM event`,
    [id, `late_${id}`, time],
  );
  return {
    id,
    async commit() {
      // Else it would wait for the next look.
      await client.query('NOTIFY webhook_gateway_events; COMMIT');
      await client.end();
    },
  };
}

test('an event committed late with a smaller id, and one drained from the spool, are found by whoever is far beyond both', async () => {
  const base = `${daemon.url}/api/v1`;
  const spooled = fresh('stripe');
  await server.stop('immediate');
  const taken = await post(daemon.url, spooled);
  expect([taken.status, taken.accepted]).toEqual([200, 'spooled']);
  // What follows arrives at another process, with the same database; here nothing is drained meanwhile.
  process.kill(daemon.pid, 'SIGSTOP');
  await server.start();
  const other = await startTestGateway({ DATABASE_URL: server.url(), ...API_ENVIRONMENT });
  try {
    const late = await holdEvent(new Date());
    const created = await fetch(`${other.url}/api/v1/followers`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'e2e' }),
    });
    const { id } = (await created.json()) as { id: string };
    const follower = await openStream(`${other.url}/api/v1`, `?follower=${id}`);
    for (let sent = 0; sent < 3; sent++) expect((await post(other.url, fresh('stripe'))).accepted).toBe('stored');
    const newer = await follower.count(3);
    expect(newer.every(({ event }) => event.id > late.id)).toBe(true);
    const place = newer.at(-1)?.position ?? 0;
    const acks = await fetch(`${other.url}/api/v1/followers/${id}/acks`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ positions: newer.map(({ position }) => position) }),
    });
    expect(acks.status).toBe(204);

    await late.commit();
    process.kill(daemon.pid, 'SIGCONT');
    await until('the spool to be empty', async () => (await readMetric(daemon.url, 'webhook_spool_records')) === 0);
    const found = (await follower.count(5)).slice(3);
    expect(found.map(({ position }) => position)).toEqual([place + 1, place + 2]);
    const [key = ''] = keysOf(spooled);
    const ids = found.map(({ event }) => event.id);
    expect(ids).toContain(late.id);
    expect(found.map(({ event }) => event.payload.id)).toContain(key);
    expect(ids.every((each) => each < (newer[0]?.event.id ?? ''))).toBe(true);
    follower.close();

    // Nothing of that was acknowledged: it comes again, here at the process that had been away.
    const again = await openStream(base, `?follower=${id}`);
    expect(await again.ready()).toBe(place);
    expect((await again.count(2)).map(({ webhookId }) => webhookId)).toEqual(found.map(({ webhookId }) => webhookId));
    const stopped = daemon.stop();
    expect(await again.ended()).toBe('stopping');
    expect(await stopped).toBe(0);
  } finally {
    await other.stop();
  }
});
