/** Every body at hand, posted over HTTP: by itself three times at once, and all of them into one database. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { corpus } from '../support/corpus.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { withinSameHour } from '../support/same-hour.ts';
import { allDispatched, undispatched } from '../support/undispatched.ts';
import { until } from '../support/until.ts';
import { keysOf, post, signed } from '../support/webhooks.ts';

const bodies = corpus();
/** What Stripe's dashboard sends on a click on "Send test webhook": never a duplicate of another click. */
const isPlaceholder = (body: Buffer) => /"id"\s*:\s*"evt_0+"/.test(body.toString('latin1'));

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());
beforeEach(withinSameHour);

describe('each body alone', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startTestGateway({ DATABASE_URL: database.url });
  });
  afterAll(() => gateway.stop());

  test.each(bodies)('$name three times at once', async ({ provider, body }) => {
    await database.truncate();
    // The tables are emptied under a running daemon: what it remembers of them must be emptied too.
    gateway.gateway.storage.seen.databaseLost();
    gateway.gateway.storage.seen.databaseConnected('another database');

    const answers = await Promise.all([1, 2, 3].map(() => post(gateway.url, signed(provider, body))));

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const requests = await database.query('SELECT id, body FROM webhook_requests');
    const events = await database.query('SELECT dedupe_key, request_id FROM events');
    for (const request of requests) expect(body.equals(request.body)).toBe(true);
    const accepted = answers.map((answer) => answer.accepted).sort();
    if (provider === 'stripe' && isPlaceholder(body)) {
      expect(accepted).toEqual(['stored', 'stored', 'stored']);
      expect([requests.length, events.length]).toEqual([3, 3]);
      return;
    }
    expect(accepted).toEqual(['duplicate', 'duplicate', 'stored']);
    expect(requests).toHaveLength(1);
    expect(events.map(({ dedupe_key }) => dedupe_key).sort()).toEqual(keysOf({ provider, body, headers: {} }).sort());
    expect(new Set(events.map(({ request_id }) => request_id))).toEqual(new Set([requests[0].id]));
  });
});

test('all bodies in one database give exactly the distinct keys', async () => {
  await database.truncate();
  const gateway = await startTestGateway({ DATABASE_URL: database.url });
  try {
    const expected = new Set<string>();
    const answers = await Promise.all(
      bodies.map(async ({ provider, body }) => {
        const answer = await post(gateway.url, signed(provider, body));
        for (const key of keysOf({ provider, body, headers: {} }, answer.requestId ?? ''))
          expected.add(`${provider} ${key}`);
        return answer.status;
      }),
    );
    expect(new Set(answers)).toEqual(new Set([200]));
    const events = await database.query('SELECT source, dedupe_key FROM events');
    expect(events.map(({ source, dedupe_key }) => `${source} ${dedupe_key}`).sort()).toEqual([...expected].sort());
    await until('every event to be dispatched', () => allDispatched(database.query));
    expect(await database.query('SELECT event_id, error FROM event_dispatch')).toEqual([]);
    expect(await undispatched(database.query)).toEqual(new Set());
  } finally {
    await gateway.stop();
  }
});
