/** One insert through Prisma at a time, for as long as it is told to: what a lone webhook is compared with. Answers with the median in milliseconds. */
import { randomUUID } from 'node:crypto';
import { stripe } from '../../src/providers/stripe/index.ts';
import { openTutorialDatabase } from './tutorial-database.ts';

const prisma = await openTutorialDatabase(process.env['DATABASE_URL'] ?? '');

process.on('message', async ({ seconds }: { seconds: number }) => {
  const times: number[] = [];
  const endAt = performance.now() + seconds * 1000;
  while (performance.now() < endAt) {
    const eventId = `evt_${randomUUID()}`;
    const payload = JSON.parse(stripe.sample({ unique: eventId, now: new Date() }).toString());
    const startedAt = performance.now();
    await prisma.webhookEvent.create({ data: { eventId, type: payload.type, payload } });
    times.push(performance.now() - startedAt);
  }
  times.sort((a, b) => a - b);
  process.send?.({ median: times[times.length >> 1] });
});
process.send?.({ port: 0 });
