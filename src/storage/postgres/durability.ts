/** Settings of a PostgreSQL server under which a committed row can still be lost. */
import type { PrismaClient } from '../../generated/prisma/client.ts';

const DANGERS: Readonly<Record<string, string>> = {
  fsync: 'a crash of its machine can destroy the whole database. Set fsync = on',
  full_page_writes: 'a crash of its machine can tear pages. Set full_page_writes = on',
};

/**
 * One sentence for each dangerous setting; none if a commit is durable. `synchronous_commit` is not among them: ingest
 * switches it on for its own sessions.
 */
export async function durabilityWarnings(prisma: Pick<PrismaClient, '$queryRaw'>): Promise<string[]> {
  const rows = await prisma.$queryRaw<{ name: string }[]>`
    SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off' ORDER BY name`;
  return rows.map(
    ({ name }) => `PostgreSQL runs with ${name} = off: what is answered 200 is not safe there, ${DANGERS[name]}`,
  );
}
