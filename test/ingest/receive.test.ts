/** Who holds the bytes of a webhook on its way to the batch writer. The rest of the way is shown over HTTP, in test/e2e. */
import { expect, test } from 'vitest';
import type { Source } from '../../src/core/source.ts';
import { ByteBudget } from '../../src/ingest/byte-budget.ts';
import { createReceiver } from '../../src/ingest/receive.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { stripe } from '../../src/providers/stripe/index.ts';
import { createMemorySeenStore } from '../../src/storage/memory/seen-store.ts';
import { fresh, SECRETS, signed } from '../support/webhooks.ts';

const source: Source = {
  name: 'stripe',
  provider: stripe,
  path: '/webhooks/stripe',
  secrets: [SECRETS.stripe],
  verifyTokens: [],
  toleranceSeconds: 300,
};

/** Receives one webhook, and tells what the budget holds afterwards while the writer still has what it was given. */
async function receive(webhook: { body: Buffer; headers: Readonly<Record<string, string>> }, from: Source = source) {
  const budget = new ByteBudget({ maxBytes: 1024 * 1024 });
  const lease = budget.open(() => undefined);
  lease.add(webhook.body.length);
  lease.complete();
  const receiver = createReceiver({
    seen: createMemorySeenStore({ ttlSeconds: 60 }),
    // Whoever keeps it holds it, and lets go after the commit.
    keep: (_request, held) => {
      held.hold();
      return Promise.resolve(1);
    },
    metrics: createMetrics({ version: '0', sources: [] }),
    clock: () => new Date(),
  });
  const incoming = { ...webhook, source: from, requestId: 'r', receivedAt: new Date(), lease };
  const result = await receiver(incoming).catch((error: Error) => error.message);
  return { result, held: budget.used };
}

test('what is on its way to the database is held, body and payload', async () => {
  const webhook = fresh('stripe');
  const { result, held } = await receive(webhook);
  expect(result).toEqual({ ok: true, accepted: 'stored' });
  // The payload of Stripe is the body's own text, counted in characters.
  expect(held).toBe(webhook.body.length + webhook.body.toString().length);
});

test('what is refused is not held', async () => {
  const { result, held } = await receive(signed('stripe', '{}', 'somebody else’s secret'));
  expect([result, held]).toEqual([{ ok: false, reason: 'mismatch' }, 0]);
});

test('what a defect throws on is not held', async () => {
  const parse = () => {
    throw new Error('a defect');
  };
  const { result, held } = await receive(fresh('stripe'), { ...source, provider: { ...stripe, parse } });
  expect([result, held]).toEqual(['a defect', 0]);
});
