/**
 * Rival (b): @supabase/stripe-sync-engine behind Fastify. Its CommonJS build, since the other one does not find its
 * migrations; without fetching related objects from Stripe.
 */
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';

type SyncEngine = typeof import('@supabase/stripe-sync-engine');
const { runMigrations, StripeSync } = createRequire(import.meta.url)('@supabase/stripe-sync-engine') as SyncEngine;

const { DATABASE_URL = '', STRIPE_WEBHOOK_SECRET = '' } = process.env;
await runMigrations({ databaseUrl: DATABASE_URL, schema: 'stripe' });
const sync = new StripeSync({
  poolConfig: { connectionString: DATABASE_URL, max: 10 },
  schema: 'stripe',
  stripeSecretKey: 'sk_test_of_the_bench',
  stripeWebhookSecret: STRIPE_WEBHOOK_SECRET,
  backfillRelatedEntities: false,
});

const app = Fastify();
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
app.post('/webhooks/stripe', async (request) => {
  await sync.processWebhook(request.body as Buffer, String(request.headers['stripe-signature']));
  return { received: true };
});
await app.listen({ port: 0, host: '127.0.0.1' });
process.send?.({ port: (app.server.address() as AddressInfo).port });
