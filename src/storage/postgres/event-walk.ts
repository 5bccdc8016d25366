/**
 * A filtered list of events without an index by type or subject: back along the primary key, step by step, until the page is
 * full or the time is up. Each step looks at so many rows and no more, so that nothing ever scans the table in one go.
 */
import type { EventFilter, EventPage, EventSummary } from '../../core/event-reader.ts';
import type { PageRequest } from '../../core/page.ts';
import { firstIdAt } from '../../core/row-id.ts';
import { Prisma, type PrismaClient } from '../../generated/prisma/client.ts';

/** Milliseconds for a list. The step under way when they are over may take as long as a query may. */
const DEADLINE_MS = 3_000;
/** Rows of the first step; fewer where payloads are looked at, which may be megabytes each. */
const FIRST_STEP = 1_000;
const FIRST_TEXT_STEP = 50;
const MIN_STEP = 10;
const MAX_STEP = 50_000;
/** Milliseconds: steps grow until they take about so long. */
const STEP_MS = 200;
/**
 * An id is made within the time that its request takes to arrive (five minutes at most) after `received_at`. Twice that is
 * allowed for, in both directions: the clock may have been set.
 */
export const ID_SLACK_MS = 600_000;
/** Above every id. */
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
/** Sorts behind every character of a type. */
const AFTER_ALL = '\u{10FFFF}';

/** The columns of an `EventSummary`. */
export const SUMMARY = Prisma.sql`id, request_id AS "requestId", source, provider, type, dedupe_key AS "dedupeKey", subject,
  occurred_at AS "occurredAt", received_at AS "receivedAt"`;

type Queries = Pick<PrismaClient, '$queryRaw'>;

/** @throws what Prisma throws, if not even the first step came to an end */
export async function walkEvents(
  prisma: Queries,
  filter: EventFilter,
  { after, limit }: PageRequest,
  deadlineMs = DEADLINE_MS,
): Promise<EventPage> {
  const deadline = performance.now() + deadlineMs;
  const oldest = filter.from === undefined ? firstIdAt(new Date(0)) : firstIdAt(shifted(filter.from, -ID_SLACK_MS));
  const conditions = conditionsOf(filter);
  const events: EventSummary[] = [];
  let before = startOf(filter, after);
  let rows = filter.text === undefined ? FIRST_STEP : FIRST_TEXT_STEP;
  for (;;) {
    const startedAt = performance.now();
    // One more than is missing: it tells whether others follow.
    const wanted = limit + 1 - events.length;
    const step = await walkStep(prisma, { before, oldest, rows, conditions, wanted });
    events.push(...step.events);
    if (events.length > limit) {
      const shown = events.slice(0, limit);
      return { events: shown, next: shown.at(-1)?.id ?? null, truncated: false };
    }
    if (step.end === null) return { events, next: null, truncated: false };
    before = step.end;
    if (performance.now() >= deadline) return { events, next: before, truncated: true };
    rows = nextStep(rows, performance.now() - startedAt);
  }
}

interface Step {
  /** Only ids below it, and from `oldest` on. */
  readonly before: string;
  readonly oldest: string;
  /** Rows to look at. */
  readonly rows: number;
  readonly conditions: Prisma.Sql;
  /** Rows to find, at most. */
  readonly wanted: number;
}

/** `end`: where the next step begins; null if there is nothing beyond. */
async function walkStep(prisma: Queries, { before, oldest, rows, conditions, wanted }: Step) {
  const [boundary] = await prisma.$queryRaw<{ id: string }[]>`
    SELECT id FROM events WHERE id < ${before}::uuid AND id >= ${oldest}::uuid
     ORDER BY id DESC OFFSET ${rows - 1} LIMIT 1`;
  const end = boundary?.id ?? null;
  const events = await prisma.$queryRaw<EventSummary[]>`
    SELECT ${SUMMARY} FROM events
     WHERE id < ${before}::uuid AND id >= ${end ?? oldest}::uuid ${conditions}
     ORDER BY id DESC LIMIT ${wanted}`;
  return { end, events };
}

function nextStep(rows: number, tookMs: number): number {
  const factor = Math.min(4, Math.max(0.25, STEP_MS / Math.max(1, tookMs)));
  return Math.round(Math.min(MAX_STEP, Math.max(MIN_STEP, rows * factor)));
}

function startOf({ to }: EventFilter, after: string | null): string {
  const last = to === undefined ? LAST_ID : firstIdAt(shifted(to, ID_SLACK_MS));
  return after !== null && after < last ? after : last;
}

function conditionsOf({ source, type, subject, from, to, text }: EventFilter): Prisma.Sql {
  const conditions = [
    source !== undefined && Prisma.sql`source = ${source}`,
    type !== undefined && typeCondition(type),
    subject !== undefined && Prisma.sql`subject = ${subject}`,
    from !== undefined && Prisma.sql`received_at >= ${from}`,
    to !== undefined && Prisma.sql`received_at < ${to}`,
    // Last: what it looks at has to be read and decompressed first.
    text !== undefined && Prisma.sql`payload::text ILIKE ${`%${text.replace(/[\\%_]/g, '\\$&')}%`}`,
  ].filter((condition) => condition !== false);
  return conditions.length === 0 ? Prisma.empty : Prisma.sql`AND ${Prisma.join(conditions, ' AND ')}`;
}

function typeCondition(type: string): Prisma.Sql {
  if (!type.endsWith('*')) return Prisma.sql`type = ${type}`;
  const beginning = type.slice(0, -1);
  return Prisma.sql`type >= ${beginning} AND type < ${beginning + AFTER_ALL}`;
}

function shifted(time: Date, milliseconds: number): Date {
  return new Date(time.getTime() + milliseconds);
}
