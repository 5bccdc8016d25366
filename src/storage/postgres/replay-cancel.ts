/** What waits of a replay that an operator has given up. */
import type pg from 'pg';

/** Deliveries of one step. */
const CANCELLED_AT_A_TIME = 1_000;

/**
 * A lease that has ended is as good as pending. Whatever a claim holds is left to the next step, so nobody waits for anybody;
 * and unordered, since a sort would read all that waits each time.
 */
const CANCEL = `
WITH waiting AS MATERIALIZED (
  SELECT id FROM deliveries
   WHERE replay_id = $1::uuid AND state IN ('pending', 'sending') AND (state = 'pending' OR lease_until <= now())
   LIMIT $2::int FOR UPDATE SKIP LOCKED
)
UPDATE deliveries SET state = 'cancelled', finished_at = now(), lease_owner = NULL, lease_until = NULL
 WHERE id IN (SELECT id FROM waiting)`;

const SOME_LEFT = `
SELECT EXISTS (SELECT FROM deliveries WHERE replay_id = $1::uuid AND state IN ('pending', 'sending')) AS "someLeft"`;

/** What one step left. `waits`: nothing but what is under way. */
export type CancelOutcome = 'more' | 'waits' | 'nothing';

/** One that is under way and fails is pending again, and then a later step's. */
export async function cancelWaiting(client: pg.ClientBase, replayId: string): Promise<CancelOutcome> {
  const { rowCount } = await client.query(CANCEL, [replayId, CANCELLED_AT_A_TIME]);
  if (rowCount === CANCELLED_AT_A_TIME) return 'more';
  const { rows } = await client.query<{ someLeft: boolean }>(SOME_LEFT, [replayId]);
  return rows[0]?.someLeft ? 'waits' : 'nothing';
}
