/**
 * Every ready query of docs/data-model.md, on a database filled by real ingest and real dispatch: the project's fixtures and a
 * small business beside them.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { WebhookProviderName } from '../../src/core/event.ts';
import { Dispatcher } from '../../src/dispatch/dispatcher.ts';
import { projectors } from '../../src/providers/projectors.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { openDispatch } from '../support/dispatch.ts';
import { fixtureNames, readFixture } from '../support/fixtures.ts';
import { startTestGateway } from '../support/gateway.ts';
import { post, signed } from '../support/webhooks.ts';
import { type Case, readyQueries, withVariables } from './data-model.ts';
import { EVENT_CASES } from './expected-events.ts';
import { STRIPE_CASES } from './expected-stripe.ts';
import { WHATSAPP_CASES } from './expected-whatsapp.ts';
import { STRIPE_SCENARIO } from './scenario-stripe.ts';
import { LATECOMER, POISON, WHATSAPP_SCENARIO } from './scenario-whatsapp.ts';

const SCENARIO = { stripe: STRIPE_SCENARIO, whatsapp: WHATSAPP_SCENARIO };

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
  const gateway = await startTestGateway({ DATABASE_URL: database.url, ROLE: 'ingest', COMMIT_TIMEOUT_MS: '30000' });
  const store = async (provider: WebhookProviderName, body: Buffer | object) => {
    const answer = await post(gateway.url, signed(provider, Buffer.isBuffer(body) ? body : JSON.stringify(body)));
    if (answer.accepted !== 'stored') throw new Error(`${answer.status} ${answer.accepted}: ${JSON.stringify(body)}`);
  };
  const place = openDispatch(database.url);
  try {
    for (const provider of ['stripe', 'whatsapp'] as const) {
      for (const name of fixtureNames(provider)) await store(provider, readFixture(provider, name));
      for (const body of SCENARIO[provider]) await store(provider, body);
    }
    await store('whatsapp', POISON);
    const dispatcher = new Dispatcher({ ...place.options, projectors });
    while ((await dispatcher.turn()).events > 0);
    await store('whatsapp', LATECOMER);
  } finally {
    await Promise.all([gateway.stop(), place.close()]);
  }
});
afterAll(() => database.drop());

const CASES: Readonly<Record<string, readonly Case[]>> = { ...WHATSAPP_CASES, ...STRIPE_CASES, ...EVENT_CASES };

const queries = readyQueries().map((query) => ({ query, number: query.title.split('.', 1)[0] ?? '' }));

it('has rows to expect for every query of the document, and no others', () => {
  expect(queries.map(({ number }) => number)).toEqual(Object.keys(CASES));
  expect(Object.values(CASES).every((cases) => cases.some(({ rows }) => rows.length > 0))).toBe(true);
});

it.each(queries.map(({ query, number }) => [query.title, query, CASES[number] ?? []] as const))(
  '%s',
  async (_, query, cases) => {
    for (const { variables = {}, rows } of cases) {
      const sql = withVariables(query, variables);
      expect(await database.query(sql), JSON.stringify(variables)).toEqual(rows);
    }
    expect(cases).not.toEqual([]);
  },
);
