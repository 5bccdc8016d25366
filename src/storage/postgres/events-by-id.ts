/**
 * The events in whose dedupe key an id stands, found by nothing but ranges of the unique index on (source, dedupe_key): one id
 * has few events (a message and its statuses, at most some thousands in a large group), but the table has millions.
 */
import { validate as isUuid } from 'uuid';
import type { EventSummary, IdSearch } from '../../core/event-reader.ts';
import { type Page, type PageRequest, pageOf } from '../../core/page.ts';
import { Prisma, type PrismaClient } from '../../generated/prisma/client.ts';
import { SUMMARY } from './event-walk.ts';

type Queries = Pick<PrismaClient, '$queryRaw'>;
type StoredSource = Pick<EventSummary, 'source' | 'provider'>;

export async function findEventsById(
  prisma: Queries,
  search: IdSearch,
  page: PageRequest,
): Promise<Page<EventSummary>> {
  const statement = eventsById(search, page, await sourcesOf(prisma));
  if (statement === null) return { rows: [], next: null };
  return pageOf(await prisma.$queryRaw<EventSummary[]>(statement), page.limit);
}

/**
 * Materialized: else the planner may walk down the primary key for the newest ones, through all events where few match.
 *
 * @returns null if there is nowhere to look
 */
export function eventsById(
  { id, keysOf, source: wanted }: IdSearch,
  { after, limit }: PageRequest,
  sources: readonly StoredSource[],
): Prisma.Sql | null {
  const asked = sources.filter(({ source }) => wanted === undefined || source === wanted);
  const conditions = asked.flatMap(({ source, provider }) => keysOf(provider).flatMap((key) => rangesOf(source, key)));
  if (isUuid(id)) {
    const ofSource = wanted === undefined ? Prisma.empty : Prisma.sql`AND source = ${wanted}`;
    conditions.push(Prisma.sql`id = ${id}::uuid ${ofSource}`);
  }
  if (conditions.length === 0) return null;
  const looks = conditions.map((condition) => Prisma.sql`SELECT ${SUMMARY} FROM events WHERE ${condition}`);
  return Prisma.sql`
    WITH found AS MATERIALIZED (${Prisma.join(looks, ' UNION ALL ')})
    SELECT * FROM found ${after === null ? Prisma.empty : Prisma.sql`WHERE id < ${after}::uuid`}
     ORDER BY id DESC LIMIT ${limit + 1}`;
}

/** Two ranges, for between `evt_1` and `evt_1:` lie `evt_1-` and `evt_10`. In the collation C `;` comes right behind `:`. */
function rangesOf(source: string, key: string): Prisma.Sql[] {
  return [
    Prisma.sql`source = ${source} AND dedupe_key = ${key}`,
    Prisma.sql`source = ${source} AND dedupe_key > ${`${key}:`} AND dedupe_key < ${`${key};`}`,
  ];
}

/** By skipping through the unique index. */
export const SOURCES = Prisma.sql`
  WITH RECURSIVE known AS (
    (SELECT source, provider FROM events ORDER BY source LIMIT 1)
    UNION ALL
    SELECT further.source, further.provider
      FROM known CROSS JOIN LATERAL (SELECT e.source, e.provider FROM events e WHERE e.source > known.source
                                      ORDER BY e.source LIMIT 1) AS further)
  SELECT source, provider FROM known`;

/** Every source that events were stored of, and whose they are. */
export function sourcesOf(prisma: Queries): Promise<StoredSource[]> {
  return prisma.$queryRaw<StoredSource[]>(SOURCES);
}
