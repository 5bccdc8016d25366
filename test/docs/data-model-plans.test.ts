/** The ready queries of docs/data-model.md read large tables by an index, but for those that ask about every subscription. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { readyQueries, withVariables } from './data-model.ts';

/** Enough for the planner to prefer an index wherever there is one. */
const ROWS = 20_000;

const rows = (table: string, columns: string, values: string) =>
  `INSERT INTO ${table} (${columns}) SELECT ${values} FROM generate_series(1, ${ROWS}) AS n`;
const MESSAGE = "'whatsapp', 'wamid.' || n, '1'";
const TIMES = "now() - n * INTERVAL '10 minutes', now()";
const OBJECT = 'source, id, account, livemode, updated_at';
const object = (prefix: string) => `'stripe', '${prefix}_' || n, '-', 'true', now()`;

const FILL = [
  rows(
    'whatsapp_contacts',
    'source, contact_id, merged_into, updated_at',
    "'whatsapp', 'c' || n, CASE WHEN n % 3 = 0 THEN 'c' || (n - 1) END, now()",
  ),
  rows(
    'whatsapp_messages',
    'source, message_id, phone_number_id, contact_id, direction, status, occurred_at, updated_at',
    `${MESSAGE}, 'c' || n % 5000, 'outbound', 'sent', ${TIMES}`,
  ),
  rows(
    'whatsapp_message_statuses',
    'source, message_id, phone_number_id, status_key, recipient_wa_id, status, occurred_at, updated_at',
    `${MESSAGE}, 'sent:-:1', 'c' || n, 'sent', ${TIMES}`,
  ),
  rows(
    'webhook_requests',
    'id, source, provider, received_at, headers, body, body_sha256',
    "gen_random_uuid(), 'stripe', 'stripe', now(), '{}', '', sha256(n::text::bytea)",
  ),
  `INSERT INTO events (id, request_id, source, provider, type, dedupe_key, received_at)
   SELECT gen_random_uuid(), id, 'stripe', 'stripe', 'charge.failed', 'evt_' || encode(body_sha256, 'hex'), now() FROM webhook_requests`,
  'INSERT INTO event_dispatch (event_id, received_at) SELECT id, received_at FROM events LIMIT 100',
  rows('stripe_customers', OBJECT, object('cus')),
  rows(
    'stripe_subscriptions',
    `${OBJECT}, customer, status, items`,
    `${object('sub')}, 'cus_' || n, CASE WHEN n % 1000 = 0 THEN 'past_due' ELSE 'active' END, '[{"id": "si_1", "removed": false}]'`,
  ),
  rows(
    'stripe_invoices',
    `${OBJECT}, customer, subscription, status, deleted`,
    `${object('in')}, 'cus_' || n, 'sub_' || n, 'open', false`,
  ),
  rows(
    'stripe_payments',
    `${OBJECT}, type, payment, charge, customer, failed_at`,
    `${object('pi')}, 'payment_intent', 'pi_' || n, 'ch_' || n, 'cus_' || n % 5000,
     CASE WHEN n % 100 = 0 THEN now() - n * INTERVAL '1 minute' END`,
  ),
  'ANALYZE',
];

const VARIABLES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '1': { contact: 'c5' },
  '2': { message: 'wamid.7' },
  '4': { from: '2020-01-01', to: '2020-02-01' },
  '10': { customer: 'cus_5' },
  '11': { id: 'evt_1' },
};
/** What is asked of all subscriptions reads all subscriptions; the rest of the tables is small. */
const READ_WHOLE = new Set(['event_dispatch', 'whatsapp_templates', 'stripe_products', 'stripe_subscriptions']);

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
  for (const statement of FILL) await database.query(statement);
});
afterAll(() => database.drop());

it.each(readyQueries().map((query) => [query.title, query] as const))('%s', async (title, query) => {
  const sql = withVariables(query, VARIABLES[title.split('.', 1)[0] ?? ''] ?? {});
  const [plan] = await database.query(`EXPLAIN (FORMAT JSON) ${sql}`);
  const scans = [...JSON.stringify(plan).matchAll(/"Node Type":"Seq Scan".*?"Relation Name":"(\w+)"/g)];
  const read = scans.map(([, table = '']) => table);
  expect(read.filter((table) => !READ_WHOLE.has(table))).toEqual([]);
});
