/** Throughput with ten million events in the table, against an empty one. */
import pg from 'pg';
import { type Measurement, median } from '../measurement.ts';
import { startGateway } from '../rivals/rival.ts';
import { describeTurn, takeTurn } from '../turn.ts';

const ROWS = 10_000_000;
const ROWS_A_STATEMENT = 250_000;
const SESSIONS = 2;

/** Half of the keys as Stripe's, half as WhatsApp's: both random, so that they fall anywhere in the unique index. */
const FILL = `
INSERT INTO events (id, request_id, source, provider, type, dedupe_key, subject, occurred_at, received_at, payload)
SELECT gen_random_uuid(), gen_random_uuid(), source, source, 'filler', dedupe_key, NULL, now(), now(), '{"filler": true}'
FROM generate_series(1, $1) AS n
CROSS JOIN LATERAL (SELECT CASE WHEN n % 2 = 0 THEN 'stripe' ELSE 'whatsapp' END AS source) AS s
CROSS JOIN LATERAL (
  SELECT CASE WHEN n % 2 = 0 THEN 'evt_' || left(translate(encode(sha256(uuid_send(gen_random_uuid())), 'base64'), '+/', 'xy'), 24)
         ELSE 'status:wamid.' || encode(sha256(uuid_send(gen_random_uuid())), 'base64') || ':delivered' END AS dedupe_key
) AS k
ON CONFLICT DO NOTHING`;

export const tableSize: Measurement = async (bench) => {
  const { servers, rounds, log } = bench;
  const empty = await startGateway(await servers.stores('gateway_empty'));
  const stores = await servers.stores('gateway_full');
  const full = await startGateway(stores);
  try {
    log(`writing ${ROWS} events`);
    await Promise.all(Array.from({ length: SESSIONS }, () => fill(stores.databaseUrl, ROWS / SESSIONS)));
    await settle(stores.databaseUrl);
    for (const gateway of [empty, full]) await takeTurn(bench, gateway, { seconds: 3 });
    const stripe: number[] = [];
    const whatsapp: number[] = [];
    for (let round = 0; round < rounds; round++) {
      for (const [ratios, options] of [
        [stripe, {}],
        [whatsapp, { bodies: { kind: 'whatsapp-statuses', statuses: 1 } as const }],
      ] as const) {
        const without = await takeTurn(bench, empty, options);
        const within = await takeTurn(bench, full, options);
        log(`empty: ${describeTurn(empty, without)}`);
        log(`full:  ${describeTurn(full, within)}`);
        ratios.push(within.perSecond / without.perSecond);
      }
    }
    return [
      { name: 'with 10 million events: over an empty table, Stripe', value: median(stripe), required: 0.6, aim: 0.8 },
      {
        name: 'with 10 million events: over an empty table, WhatsApp',
        value: median(whatsapp),
        required: 0.6,
        aim: 0.8,
      },
    ];
  } finally {
    await empty.close();
    await full.close();
  }
};

async function fill(databaseUrl: string, rows: number): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  for (let done = 0; done < rows; done += ROWS_A_STATEMENT) await client.query(FILL, [ROWS_A_STATEMENT]);
  await client.end();
}

/** @throws Error if fewer rows are there than the figures will speak of */
async function settle(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query('VACUUM ANALYZE events');
  const { rows } = await client.query<{ events: string }>('SELECT count(*) AS events FROM events');
  await client.end();
  if (Number(rows[0]?.events) < ROWS) throw new Error(`only ${rows[0]?.events} events are in the table`);
}
