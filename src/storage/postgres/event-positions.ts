/** The order in which events are handed on: each gets its position in the transaction that routes it. */
import type pg from 'pg';
import { uuidArray } from './binary-arrays.ts';

/**
 * The row of the counter stays locked until the commit, so that positions have the order of commits: whoever takes the next ones
 * waits for whoever has taken some before. A counter that has been removed goes on above what it gave.
 */
const GIVE = `
WITH counter AS (
  INSERT INTO position_counter AS c (last)
  SELECT $2::bigint + coalesce(max(position), 0) FROM event_positions
  ON CONFLICT (one) DO UPDATE SET last = c.last + $2::bigint
  RETURNING last
)
INSERT INTO event_positions (position, event_id)
SELECT counter.last - $2::bigint + o.place, o.event_id
  FROM counter, unnest($1::uuid[]) WITH ORDINALITY AS o(event_id, place)`;

/**
 * In the order given. To be called last in a transaction, with a commit right after it: the lock is the last that every
 * dispatcher takes, so none that holds it waits for another, and all others wait for its end.
 */
export async function givePositions(client: pg.ClientBase, eventIds: readonly string[]): Promise<void> {
  if (eventIds.length > 0) await client.query({ text: GIVE, values: [uuidArray(eventIds), eventIds.length] });
}
