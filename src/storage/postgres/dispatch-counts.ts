/** What is left to dispatch, in two numbers. */
import type { DispatchCounts } from '../../core/dispatch.ts';
import type { PrismaClient } from '../../generated/prisma/client.ts';

/** Ids have the order of arrival, so the oldest is the first of the primary key. */
export async function readDispatchCounts(prisma: Pick<PrismaClient, '$queryRaw'>): Promise<DispatchCounts> {
  const [row] = await prisma.$queryRaw<DispatchCounts[]>`
    SELECT (SELECT received_at FROM event_dispatch WHERE next_attempt_at IS DISTINCT FROM 'infinity'
             ORDER BY event_id LIMIT 1) AS oldest,
           (SELECT count(*)::float8 FROM event_dispatch WHERE next_attempt_at = 'infinity') AS parked`;
  return row ?? { oldest: null, parked: 0 };
}
