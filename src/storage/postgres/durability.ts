/** Settings of a PostgreSQL server under which what was committed can still be lost, or is not what was sent. */
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
  const [{ encoding } = { encoding: 'UTF8' }] = await prisma.$queryRaw<{ encoding: string }[]>`
    SELECT current_setting('server_encoding') AS encoding`;
  const warnings = rows.map(
    ({ name }) => `PostgreSQL runs with ${name} = off: what is answered 200 is not safe there, ${DANGERS[name]}`,
  );
  if (encoding === 'UTF8') return warnings;
  return [
    ...warnings,
    `The database's encoding is ${encoding}: a webhook with any other character is kept as bytes only. Create it with ENCODING 'UTF8'`,
  ];
}
