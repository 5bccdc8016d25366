/** Rival (a), the stack of the tutorials: Express, Stripe's own library, SET NX in Redis, one insert through Prisma for each event. */
import type { AddressInfo } from 'node:net';
import express from 'express';
import { Redis } from 'ioredis';
import Stripe from 'stripe';
import type { Prisma } from '../generated/tutorial/client.ts';
import { openTutorialDatabase } from './tutorial-database.ts';

const { DATABASE_URL = '', REDIS_URL = '', STRIPE_WEBHOOK_SECRET = '' } = process.env;
const stripe = new Stripe('sk_test_of_the_bench');
const redis = new Redis(REDIS_URL);
const prisma = await openTutorialDatabase(DATABASE_URL);
const app = express();

app.post('/webhooks/stripe', express.raw({ type: 'application/json' }), async (request, response) => {
  let event: Stripe.Event;
  try {
    event = stripe.webhooks.constructEvent(
      request.body,
      request.headers['stripe-signature'] ?? '',
      STRIPE_WEBHOOK_SECRET,
    );
  } catch {
    response.status(400).send('invalid signature');
    return;
  }
  const isNew = await redis.set(`tutorial:${event.id}`, '1', 'EX', 86_400, 'NX');
  if (isNew !== null) {
    const payload = event as unknown as Prisma.InputJsonObject;
    await prisma.webhookEvent.create({ data: { eventId: event.id, type: event.type, payload } });
  }
  response.json({ received: true });
});

const server = app.listen(0, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
