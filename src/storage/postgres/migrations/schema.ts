/** The schema that the tables live in. */
import { MigrationError } from './migration-error.ts';
import type { MigrationSession } from './session.ts';

/**
 * The schema in which the migrations create the tables. One that `?schema=` of the URL names is created where it is
 * missing, as Prisma's CLI does.
 *
 * @throws MigrationError if the session's search path leads nowhere, or not to the schema that the URL names
 */
export async function ensureSchema(session: MigrationSession, databaseUrl: string): Promise<string> {
  const wanted = new URL(databaseUrl).searchParams.get('schema') || null;
  const found = await currentSchema(session);
  if (found !== null && (wanted === null || found === wanted)) return found;
  if (wanted !== null) {
    await session.rows(`CREATE SCHEMA IF NOT EXISTS "${wanted.replaceAll('"', '""')}"`);
    if ((await currentSchema(session)) === wanted) return wanted;
    throw new MigrationError('failed', `The connection does not use the schema "${wanted}" that DATABASE_URL names`);
  }
  throw new MigrationError(
    'failed',
    'No schema of the search path exists and may be used: create one, or name it in DATABASE_URL as ?schema=…',
  );
}

/** Where unqualified names are created; null if the search path names no schema that exists and may be used. */
async function currentSchema(session: MigrationSession): Promise<string | null> {
  const [row] = await session.rows<{ schema: string | null }>('SELECT current_schema() AS schema');
  return row?.schema ?? null;
}
