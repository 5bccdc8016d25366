/** A migrated database of a suite's own, with a Prisma client of the gateway's on it. */
import type { PrismaClient } from '../../src/generated/prisma/client.ts';
import { createSharedPrisma } from '../../src/storage/postgres/prisma.ts';
import { createDatabase, type TestDatabase } from './database.ts';

export interface PrismaDatabase extends TestDatabase {
  readonly prisma: PrismaClient;
}

/** @param connections of the client */
export async function createPrismaDatabase(connections = 1): Promise<PrismaDatabase> {
  const database = await createDatabase();
  const shared = createSharedPrisma(
    { databaseUrl: database.url, applicationName: 'test', connectTimeoutMs: 5_000, queryTimeoutMs: 5_000 },
    connections,
  );
  return {
    ...database,
    prisma: shared.prisma,
    async drop() {
      await shared.close();
      await database.drop();
    },
  };
}
