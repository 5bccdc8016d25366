/** How many rows the gateway's tables have: counted while that is quick, estimated where it is not. */
import type { SharedPrisma } from '../../storage/postgres/prisma.ts';

type Prisma = SharedPrisma['prisma'];

/** Tables up to this size are counted; that of a larger one is taken from PostgreSQL's statistics. */
const COUNTED_BYTES = 64 * 1024 * 1024;

type Count = { readonly rows: number }[];

/** In SQL, since Prisma's models look in the schema `public` whatever DATABASE_URL says. */
const TABLES: Readonly<Record<string, (prisma: Prisma) => Promise<Count>>> = {
  webhook_requests: (prisma) => prisma.$queryRaw`SELECT count(*)::float8 AS rows FROM webhook_requests`,
  events: (prisma) => prisma.$queryRaw`SELECT count(*)::float8 AS rows FROM events`,
  event_dispatch: (prisma) => prisma.$queryRaw`SELECT count(*)::float8 AS rows FROM event_dispatch`,
  webhook_gateway: (prisma) => prisma.$queryRaw`SELECT count(*)::float8 AS rows FROM webhook_gateway`,
};

interface TableSize {
  readonly name: string;
  readonly bytes: number;
  /** Rows that the statistics expect in a table of this size; null before the first ANALYZE. */
  readonly estimate: number | null;
}

/** For instance `webhook_requests 12, events about 3,400,000`. A table that is not there is named as such. */
export async function describeRows(prisma: Prisma, countedBytes: number = COUNTED_BYTES): Promise<string> {
  const sizes = await tableSizes(prisma);
  const parts: string[] = [];
  for (const [name, count] of Object.entries(TABLES)) {
    const size = sizes.find((candidate) => candidate.name === name);
    if (size === undefined) parts.push(`${name} does not exist`);
    else if (size.bytes > countedBytes) parts.push(`${name} ${estimated(size)}`);
    else parts.push(`${name} ${(await count(prisma))[0]?.rows.toLocaleString('en')}`);
  }
  return parts.join(', ');
}

function estimated({ estimate, bytes }: TableSize): string {
  if (estimate === null) return `not counted (${Math.round(bytes / 1024 / 1024).toLocaleString('en')} MiB)`;
  return `about ${Math.round(estimate).toLocaleString('en')}`;
}

/** As the planner does: rows per page at the last ANALYZE, times the pages of now. */
function tableSizes(prisma: Prisma): Promise<TableSize[]> {
  return prisma.$queryRaw<TableSize[]>`
    SELECT relname::text AS name, bytes::float8 AS bytes,
           CASE WHEN reltuples >= 0 AND relpages > 0
                THEN reltuples::float8 / relpages * bytes / current_setting('block_size')::float8 END AS estimate
      FROM pg_class CROSS JOIN LATERAL pg_relation_size(oid) AS bytes
     WHERE relnamespace = quote_ident(current_schema())::regnamespace AND relkind IN ('r', 'p')
       AND relname IN ('webhook_requests', 'events', 'event_dispatch', 'webhook_gateway')`;
}
