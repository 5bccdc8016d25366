/** The examples of docs/replay.md work, one after the other, as they stand there. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, type ApiPlace, openApi } from '../support/api.ts';
import { allDispatched } from '../support/undispatched.ts';
import { until } from '../support/until.ts';
import { fresh, post, signed } from '../support/webhooks.ts';
import { readExamples, runExamples } from './examples.ts';

let place: ApiPlace;
let directory: string;
beforeAll(async () => {
  place = await openApi();
  directory = mkdtempSync(join(tmpdir(), 'gateway-docs-'));
});
afterAll(async () => {
  await place.close();
  rmSync(directory, { recursive: true, force: true });
});

test('docs/replay.md', async () => {
  const examples = readExamples('replay.md');
  expect(examples.settings).toContain('API=http://127.0.0.1:3000/api/v1');
  const customers = fresh('stripe', 'invoice.paid')
    .body.toString()
    .replace(/cus_\w+/g, 'cus_NffrFeUfNV2Hib');
  for (const webhook of [
    fresh('stripe', 'customer.created'),
    fresh('stripe', 'invoice.paid'),
    signed('stripe', customers),
  ]) {
    expect((await post(place.gateway.url, webhook)).accepted).toBe('stored');
  }
  await until('them to be dispatched', () => allDispatched(place.database.query));
  const body = { name: 'new', target: { kind: 'http', url: 'https://billing.example.com/webhooks' } };
  const { id: DESTINATION } = (await place.call('POST /destinations', { body })).json;
  await place.call(`POST /destinations/${DESTINATION}/pause`);

  await runExamples(examples, directory, { API: place.gateway.gateway.apiUrl ?? '', KEY: ADMIN_KEY, DESTINATION });

  const replays = async () => (await place.call('GET /replays')).json.data.reverse();
  const ended = await until('all of them to end', async () => {
    const all = await replays();
    return all.every(({ finishedAt }: { finishedAt: string | null }) => finishedAt !== null) && all;
  });
  const { id } = JSON.parse(readFileSync(join(directory, 'replay.json'), 'utf8'));
  expect(ended).toMatchObject([
    { state: 'done', matched: 1, events: [expect.any(String)] },
    { state: 'done', matched: 3, destinations: [DESTINATION] },
    { state: 'done', matched: 1, filter: { types: ['invoice.*'] } },
    { id, state: 'cancelled', ratePerSecond: 2 },
  ]);
});
