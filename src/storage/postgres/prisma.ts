/** Prisma's client on a pool of ours. */
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from '../../generated/prisma/client.ts';
import { type ConnectionOptions, connectionConfig, schemaOf, survive } from './connection.ts';

/** A client on a pool that somebody else closes, for the same database. */
function prismaOn(pool: pg.Pool, databaseUrl: string): PrismaClient {
  const schema = schemaOf(databaseUrl);
  const adapter = new PrismaPg(pool, { disposeExternalPool: false, ...(schema === null ? {} : { schema }) });
  return new PrismaClient({ adapter });
}

/** Seconds after which a session is replaced. */
const SESSION_SECONDS = 60;

export interface SharedPrisma {
  readonly prisma: PrismaClient;
  /** Idempotent. */
  close(): Promise<void>;
}

/** A client with a pool of its own, for everything but ingest. */
export function createSharedPrisma(connection: ConnectionOptions, size: number): SharedPrisma {
  const pool = new pg.Pool({
    ...connectionConfig(connection),
    max: size,
    // A session keeps settings that the database had when it began: read-only, for instance.
    maxLifetimeSeconds: SESSION_SECONDS,
  });
  // An idle connection that broke is no news to anybody: the next query takes another.
  pool.on('error', () => undefined);
  pool.on('connect', survive);
  pool.on('connect', endAfterTimeout);
  const prisma = prismaOn(pool, connection.databaseUrl);
  let closing: Promise<void> | undefined;
  return {
    prisma,
    close() {
      closing ??= prisma.$disconnect().then(() => pool.end());
      return closing;
    },
  };
}

/**
 * Ends a connection whose query got no answer in time. Of single queries the pool sees to it; but at the end of a transaction
 * Prisma puts the connection back as it is, and the next one to use it would be inside the transaction that was given up.
 */
function endAfterTimeout(client: pg.PoolClient): void {
  const query = client.query.bind(client) as (...parameters: unknown[]) => unknown;
  const watched = (...parameters: unknown[]): unknown => {
    const result = query(...parameters);
    if (result instanceof Promise) {
      result.catch((error: Error) => {
        // The pool removes what has an end. A busy one is cut, and there is nobody left to tell how that went.
        if (error.message === 'Query read timeout') (client as unknown as pg.Client).end().catch(() => undefined);
      });
    }
    return result;
  };
  client.query = watched as typeof client.query;
}
