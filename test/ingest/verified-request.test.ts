/** The events of a request can be found by the millisecond of its id, whatever way it took. */
import { expect, test } from 'vitest';
import { rowId } from '../../src/core/row-id.ts';
import { ByteBudget } from '../../src/ingest/byte-budget.ts';
import { requestFromSpool, requestFromWebhook } from '../../src/ingest/verified-request.ts';
import { whatsapp } from '../../src/providers/whatsapp/index.ts';
import { readFixture } from '../support/fixtures.ts';
import { until } from '../support/until.ts';

const millisecond = (id: string) => id.slice(0, 13);

test('ids of events have the millisecond of their request, also if another build finds others in the spool', async () => {
  const requestId = rowId();
  const madeAt = Date.now();
  await until('a later millisecond', () => Date.now() > madeAt + 1);
  const source = {
    name: 'whatsapp',
    provider: whatsapp,
    path: '/',
    secrets: ['s'],
    verifyTokens: [],
    toleranceSeconds: 300,
  };
  const body = readFixture('whatsapp', 'batch');
  const budget = new ByteBudget({ maxBytes: 1_000_000 });
  const lease = budget.open(() => undefined);
  const webhook = { source, requestId, receivedAt: new Date(), headers: {}, body, lease };
  const request = requestFromWebhook(webhook, 0);
  expect(request.events.length).toBeGreaterThan(1);
  expect(request.events.map(({ id }) => millisecond(id))).toEqual(request.events.map(() => millisecond(requestId)));
  const ids = request.events.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.toSorted()).toEqual(ids);

  const [known] = request.events;
  const eventIds = new Map(known === undefined ? [] : [[known.dedupeKey, known.id]]);
  const drained = requestFromSpool({ ...request, eventIds }, whatsapp);
  expect(drained.events[0]?.id).toBe(known?.id);
  expect(drained.events.map(({ id }) => millisecond(id))).toEqual(request.events.map(() => millisecond(requestId)));
  budget.close();
});
