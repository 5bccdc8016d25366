/** The ingest statement by itself, through `pg` as the gateway sends it and through Prisma's raw queries. */
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { PrismaPg } from '@prisma/adapter-pg';
import type pg from 'pg';
import type { VerifiedRequest } from '../../src/core/event.ts';
import type { EventStore } from '../../src/core/ports.ts';
import { rowId } from '../../src/core/row-id.ts';
import { PrismaClient } from '../../src/generated/prisma/client.ts';
import { stripe } from '../../src/providers/stripe/index.ts';
import { createEventStore } from '../../src/storage/postgres/event-store.ts';
import { type Figure, type Measurement, median } from '../measurement.ts';
import { startGateway } from '../rivals/rival.ts';

/** The project's `pg` and not the bench's own: Prisma's adapter takes a pool of no other. */
const { Pool } = createRequire(new URL('../../package.json', import.meta.url))('pg') as typeof pg;

const BATCH_SIZES = [1, 16, 64];
const WARM_UP = 300;

export const statement: Measurement = async (bench) => {
  const { servers, rounds, seconds, log } = bench;
  const stores = await servers.stores('gateway');
  // Only for its tables.
  await (await startGateway(stores)).close();
  const pool = new Pool({ connectionString: stores.databaseUrl, max: 1 });
  // A name for the statement here too: otherwise PostgreSQL would plan it anew each time.
  const adapter = new PrismaPg(pool, { disposeExternalPool: false, statementNameGenerator: () => 'append' });
  const prisma = new PrismaClient({ adapter });
  const direct = createEventStore(pool, () => undefined);
  const through = createEventStore(prismaAsPool(prisma), () => undefined);
  try {
    const figures: Figure[] = [];
    for (const size of BATCH_SIZES) {
      for (const store of [direct, through]) for (let n = 0; n < WARM_UP / size; n++) await store.append(batchOf(size));
      const ratios: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const ours = await requestsASecond(direct, size, seconds / 2);
        const theirs = await requestsASecond(through, size, seconds / 2);
        log(`batches of ${size}: pg ${Math.round(ours)} requests/s, Prisma ${Math.round(theirs)} requests/s`);
        ratios.push(ours / theirs);
      }
      figures.push({ name: `statement, batches of ${size}: pg over Prisma`, value: median(ratios) });
    }
    return figures;
  } finally {
    await prisma.$disconnect();
    await pool.end();
  }
};

/** What the event store needs of a pool, by way of Prisma. */
function prismaAsPool(prisma: PrismaClient): Pick<pg.Pool, 'connect'> {
  const query = async ({ text, values }: { text: string; values: unknown[] }) => {
    const rows = await prisma.$queryRawUnsafe<{ id: string }[]>(text, ...values);
    return { rows: rows.map(({ id }) => [id]) };
  };
  const none = () => undefined;
  const client = { query, on: none, off: none, release: none };
  return { connect: () => Promise.resolve(client) } as unknown as Pick<pg.Pool, 'connect'>;
}

async function requestsASecond(store: EventStore, size: number, seconds: number): Promise<number> {
  let spent = 0;
  let requests = 0;
  while (spent < seconds * 1000) {
    const batch = batchOf(size);
    const startedAt = performance.now();
    await store.append(batch);
    spent += performance.now() - startedAt;
    requests += size;
  }
  return (requests / spent) * 1000;
}

function batchOf(size: number): VerifiedRequest[] {
  return Array.from({ length: size }, () => {
    const receivedAt = new Date();
    const body = stripe.sample({ unique: randomUUID(), now: receivedAt });
    const id = rowId();
    const headers = {
      'content-type': 'application/json; charset=utf-8',
      'stripe-signature': 't=1,v1='.padEnd(70, '0'),
    };
    const parsed = stripe.parse({ body, requestId: id, receivedAt });
    const events = parsed.map((event) => ({ id: rowId(), source: 'stripe', ...event }));
    return { id, source: 'stripe', provider: 'stripe', receivedAt, headers, body, secret: 0, events };
  });
}
