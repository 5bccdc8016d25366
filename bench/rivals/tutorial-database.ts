/** The tutorial's table, and its client: shared by rival (a) and by the single insert that a lone request is compared with. */
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from '../generated/tutorial/client.ts';

const TABLE = `
CREATE TABLE IF NOT EXISTS "WebhookEvent" (
  "id" TEXT PRIMARY KEY,
  "eventId" TEXT NOT NULL UNIQUE,
  "type" TEXT NOT NULL,
  "payload" JSONB NOT NULL,
  "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
)`;

export async function openTutorialDatabase(databaseUrl: string): Promise<PrismaClient> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(TABLE);
  await client.end();
  return new PrismaClient({ adapter: new PrismaPg({ connectionString: databaseUrl }) });
}
