/** What is left of those who follow, and of what they followed. */
import type pg from 'pg';
import type { Position } from '../../core/follower.ts';
import { REMOVE_UNSEEN } from './follower-store.ts';

/**
 * Positions of events that have been removed, from the lowest on. `$1`: after this position; `$2`: most rows; `$3`: events that
 * arrived since then are not old enough to be removed, so that the walk ends at a page of nothing else.
 */
const REMOVE_ORPHANS = `
WITH page AS MATERIALIZED (
  SELECT p.position, e.id IS NULL AS orphan, coalesce(e.received_at >= $3::timestamptz, false) AS young
    FROM (SELECT * FROM event_positions WHERE position > $1 ORDER BY position LIMIT $2) AS p
    LEFT JOIN events e ON e.id = p.event_id
), removed AS (
  DELETE FROM event_positions WHERE position IN (SELECT position FROM page WHERE orphan)
)
SELECT max(position)::float8 AS last, count(*) < $2 OR bool_and(young) AS ended FROM page`;

export interface OrphanStep {
  readonly after: Position;
  readonly limit: number;
  readonly receivedBefore: Date;
}

export interface OrphansRemoved {
  /** Where the next step goes on. */
  readonly after: Position;
  /** There are no more for now. */
  readonly ended: boolean;
}

export async function removeOrphans(client: pg.ClientBase, step: OrphanStep): Promise<OrphansRemoved> {
  const values = [step.after, step.limit, step.receivedBefore];
  const { rows } = await client.query<{ last: Position | null; ended: boolean }>(REMOVE_ORPHANS, values);
  const { last = null, ended = true } = rows[0] ?? {};
  return { after: ended || last === null ? step.after : last, ended };
}

/** Followers that have not been seen for `FOLLOWER_DAYS`. */
export async function removeUnseenFollowers(client: pg.ClientBase): Promise<void> {
  await client.query(REMOVE_UNSEEN);
}
