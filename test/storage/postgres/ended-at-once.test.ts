/** A server that ends a session in the very moment in which it has begun: a query fails, and the process goes on. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDrainPool } from '../../../src/storage/postgres/drain-pool.ts';
import { createIngestPool } from '../../../src/storage/postgres/ingest-pool.ts';
import { createSharedPrisma } from '../../../src/storage/postgres/prisma.ts';
import { createTransactionPool } from '../../../src/storage/postgres/transaction-pool.ts';

const FATAL = 'SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0';

/** A message of PostgreSQL's protocol. */
function message(kind: string, content: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(content.length + 4);
  return Buffer.concat([Buffer.from(kind), length, content]);
}

/** All is well, ready for a query, and goodbye: in one piece, so that nobody gets a word in. */
const GREETING = Buffer.concat([
  message('R', Buffer.alloc(4)),
  message('Z', Buffer.from('I')),
  message('E', Buffer.from(FATAL)),
]);

let server: Server;
let databaseUrl: string;
beforeAll(async () => {
  server = createServer((socket) => {
    socket.once('data', () => socket.end(GREETING));
    socket.on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  databaseUrl = `postgresql://gateway@127.0.0.1:${(server.address() as AddressInfo).port}/gateway?sslmode=disable`;
});
afterAll(() => server.close());

const limits = { connectTimeoutMs: 10_000, queryTimeoutMs: 10_000 };
const nothing = () => undefined;

/** Each makes its first query on a connection of its own kind. */
const POOLS: Readonly<Record<string, () => { query: Promise<unknown>; close(): Promise<unknown> }>> = {
  transactions() {
    const pool = createTransactionPool({ databaseUrl, applicationName: 'test', timeoutMs: 10_000 });
    return { query: pool.transaction((client) => client.query('SELECT 1')), close: pool.close };
  },
  'the drain'() {
    const { pool, close } = createDrainPool(databaseUrl);
    return { query: pool.query('SELECT 1'), close };
  },
  ingest() {
    const told = { onConnected: nothing, onLost: nothing, onTablesMissing: nothing };
    const { pool, close } = createIngestPool({ databaseUrl, size: 1, timeoutMs: 10_000, ...told });
    return { query: pool.query('SELECT 1'), close };
  },
  Prisma() {
    const { prisma, close } = createSharedPrisma({ databaseUrl, applicationName: 'test', ...limits }, 1);
    return { query: prisma.$queryRaw`SELECT 1`, close };
  },
  'a transaction of Prisma'() {
    const { prisma, close } = createSharedPrisma({ databaseUrl, applicationName: 'test', ...limits }, 1);
    return { query: prisma.$transaction((transaction) => transaction.$queryRaw`SELECT 1`), close };
  },
};

// What nobody listens to, vitest reports as an error of the run.
test.each(Object.entries(POOLS))('of %s', async (_name, open) => {
  const { query, close } = open();
  await expect(query).rejects.toThrow();
  await close();
});
