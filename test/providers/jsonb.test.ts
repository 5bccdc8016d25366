/** Every payload is given to a real PostgreSQL: what jsonb accepts is not written down anywhere else so exactly. */
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { providers } from '../../src/providers/index.ts';
import { fixtureNames, readFixture } from '../support/fixtures.ts';
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts';
import { anyBody } from './any-body.ts';

let server: PostgresServer | undefined;
let client: pg.Client;

beforeAll(async () => {
  const url = process.env['TEST_DATABASE_URL'];
  if (!url) server = await startPostgresServer();
  client = new pg.Client({ connectionString: url || server?.url() });
  await client.connect();
}, 60_000);

afterAll(async () => {
  await client?.end();
  await server?.destroy();
});

function payloads(body: Buffer): readonly string[] {
  return Object.values(providers)
    .flatMap((provider) => provider.parse({ body, requestId: 'r', receivedAt: new Date('2026-11-20T23:59:59Z') }))
    .map(({ payload }) => payload)
    .filter((payload) => payload !== null);
}

/** The payloads as jsonb stores them. */
async function stored(texts: readonly string[]): Promise<readonly string[]> {
  const { rows } = await client.query('SELECT unnest($1::text[])::jsonb::text AS payload', [texts]);
  return rows.map((row: { payload: string }) => row.payload);
}

it('accepts the payloads of all fixtures, and they say what was sent', async () => {
  const bodies = (['stripe', 'whatsapp'] as const).flatMap((name) =>
    fixtureNames(name).map((one) => readFixture(name, one)),
  );
  const texts = bodies.flatMap(payloads);
  expect(texts.length).toBeGreaterThan(bodies.length);
  const back = await stored(texts);
  expect(back.map((text) => JSON.parse(text))).toEqual(texts.map((text) => JSON.parse(text)));
});

it('accepts the payloads of any body', async () => {
  const bodies = fc.array(anyBody, { minLength: 50, maxLength: 50 });
  await fc.assert(
    fc.asyncProperty(bodies, async (all) => {
      const texts = all.flatMap(payloads);
      expect(await stored(texts)).toHaveLength(texts.length);
    }),
    { numRuns: 10 },
  );
});

it('keeps every digit of long numbers', async () => {
  const body = '{"id":"evt_1","object":"event","amount":12345678901234567890.123456789,"large":1e20}';
  const [text = ''] = await stored(payloads(Buffer.from(body)).slice(0, 1));
  expect(text).toContain('"amount": 12345678901234567890.123456789');
  expect(text).toContain('"large": 100000000000000000000');
});
