/** How retention stands, for people. */
import { firstIdAt } from '../../core/row-id.ts';
import type { SharedPrisma } from './prisma.ts';
import { REQUESTS_OVERDUE } from './retention-statements.ts';

type Prisma = SharedPrisma['prisma'];

export interface RetentionReport {
  /** Arrival of the oldest row; null if there is none. */
  readonly oldestEvent: Date | null;
  readonly oldestRequest: Date | null;
  /** Rows removed since the tables were made. */
  readonly eventsRemoved: number;
  readonly requestsRemoved: number;
}

/** Ids have the order of arrival, so the oldest row is the first of the primary key. */
export async function readRetention(prisma: Prisma): Promise<RetentionReport> {
  const [report] = await prisma.$queryRaw<RetentionReport[]>`
    SELECT (SELECT received_at FROM events ORDER BY id LIMIT 1) AS "oldestEvent",
           (SELECT received_at FROM webhook_requests ORDER BY id LIMIT 1) AS "oldestRequest",
           coalesce((SELECT events_removed FROM retention), 0)::float8 AS "eventsRemoved",
           coalesce((SELECT requests_removed FROM retention), 0)::float8 AS "requestsRemoved"`;
  return report ?? { oldestEvent: null, oldestRequest: null, eventsRemoved: 0, requestsRemoved: 0 };
}

/** Is there a request from before that time that nobody needs? Looks at the thousand oldest. */
export async function requestsOverdue(prisma: Prisma, receivedBefore: Date): Promise<boolean> {
  const values = [firstIdAt(receivedBefore), receivedBefore];
  const [row] = await prisma.$queryRawUnsafe<{ overdue: boolean }[]>(REQUESTS_OVERDUE, ...values);
  return row?.overdue ?? false;
}
