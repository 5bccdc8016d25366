/** How much is left to deliver, in a few numbers. */
import type { DeliveryCounts } from '../../core/delivery.ts';
import type { PrismaClient } from '../../generated/prisma/client.ts';

interface CountsRow {
  readonly pending: number;
  readonly dead: number;
  readonly oldest: Date | null;
  readonly active: number;
  readonly failing: number;
  readonly paused: number;
  readonly auto_paused: number;
}

/** Each part reads one small index. Ids of requests have the order of arrival, so the oldest is the first of theirs. */
export async function readDeliveryCounts(prisma: Pick<PrismaClient, '$queryRaw'>): Promise<DeliveryCounts> {
  const [row] = await prisma.$queryRaw<CountsRow[]>`
    SELECT (SELECT count(*)::float8 FROM deliveries WHERE state IN ('pending', 'sending')) AS pending,
           (SELECT count(*)::float8 FROM deliveries WHERE state = 'dead') AS dead,
           (SELECT received_at FROM deliveries WHERE state IN ('pending', 'sending') AND replay_id IS NULL
             ORDER BY request_id LIMIT 1) AS oldest,
           d.*
      FROM (SELECT count(*) FILTER (WHERE d.state = 'active' AND s.circuit_open IS NOT TRUE)::float8 AS active,
                   count(*) FILTER (WHERE d.state = 'active' AND s.circuit_open)::float8 AS failing,
                   count(*) FILTER (WHERE d.state = 'paused')::float8 AS paused,
                   count(*) FILTER (WHERE d.state = 'auto_paused')::float8 AS auto_paused
              FROM destinations d LEFT JOIN destination_state s ON s.destination_id = d.id) AS d`;
  const { pending = 0, dead = 0, oldest = null, active = 0, failing = 0, paused = 0, auto_paused = 0 } = row ?? {};
  return { pending, dead, oldest, destinations: { active, failing, paused, auto_paused } };
}
