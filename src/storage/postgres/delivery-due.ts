/** When a claim may find something again. */
import type pg from 'pg';
import { FIRST_DUE, TOKENS } from './delivery-capacity.ts';

/** From its concurrency on, no more are counted. */
const LEASED = `(SELECT count(*) FROM (SELECT FROM deliveries l
  WHERE l.destination_id = d.id AND l.state = 'sending' AND l.lease_until > now()
  ORDER BY l.lease_until LIMIT d.concurrency) AS counted)`;

/**
 * Of each destination the first that is due, or the moment from which it may be sent anything, whichever is later; and where
 * deliveries are under way the end of the first lease. With OFFSET 0 each part is looked up once, and not wherever it stands.
 */
export const NEXT_DUE = `
SELECT CASE WHEN min(due_at) <= now() THEN 0 ELSE ceil(extract(epoch FROM min(due_at) - now()) * 1000)::float8 END AS in_ms
  FROM destination_state s JOIN destinations d ON d.id = s.destination_id
  CROSS JOIN LATERAL (SELECT LEAST(${FIRST_DUE.live}, ${FIRST_DUE.replay}) AS at OFFSET 0) AS pending
  CROSS JOIN LATERAL (SELECT ${FIRST_DUE.lease} AS at OFFSET 0) AS lease
  CROSS JOIN LATERAL (
    SELECT CASE WHEN s.circuit_open THEN s.next_probe_at END AS probe_at,
           CASE WHEN ${TOKENS} < 1 THEN now() + (1 - ${TOKENS}) / d.rate_per_second * interval '1 second' END AS token_at,
           CASE WHEN ${LEASED} >= d.concurrency THEN lease.at END AS free_at OFFSET 0) AS wait
  CROSS JOIN LATERAL (
    SELECT GREATEST(LEAST(lease.at, CASE WHEN pending.at IS NOT NULL THEN GREATEST(pending.at, wait.free_at) END),
                    wait.probe_at, wait.token_at) AS due_at
     WHERE pending.at IS NOT NULL OR lease.at IS NOT NULL) AS due
 WHERE d.state = 'active'`;

export async function readNextDue(client: pg.ClientBase): Promise<number | null> {
  const { rows } = await client.query<{ in_ms: number | null }>({ text: NEXT_DUE, values: [] });
  return rows[0]?.in_ms ?? null;
}
