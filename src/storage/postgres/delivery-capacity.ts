/** What a destination is owed and may be sent now, in SQL, over all processes: `s` is its row of `destination_state`, `d` that of `destinations`. */

import { MAX_AHEAD } from '../../core/delivery.ts';

/** Tokens of its bucket: as many a second as its rate says, one second's worth at most, and at least one. */
export const TOKENS = `(CASE WHEN d.rate_per_second IS NULL THEN 'infinity'::float8
  ELSE LEAST(GREATEST(1, d.rate_per_second),
             s.tokens + d.rate_per_second * GREATEST(0, extract(epoch FROM now() - s.tokens_at)::float8)) END)`;

/**
 * Leases of a destination: this worker's `own`, and those of `others`. From so many on that nobody can lease more, they are not
 * counted. Ordered for the sake of the planner, as below: a plan made while the table was empty would count along any index.
 *
 * @param owner parameter of the statement
 */
export const leases = (owner: string) => `LATERAL (
  SELECT count(*) FILTER (WHERE lease_owner = ${owner}) AS own, count(*) FILTER (WHERE lease_owner <> ${owner}) AS others
    FROM (SELECT lease_owner FROM deliveries l
           WHERE l.destination_id = d.id AND l.state = 'sending' AND l.lease_until > now()
           ORDER BY l.lease_until LIMIT d.concurrency + ${2 * MAX_AHEAD}) AS counted OFFSET 0)`;

/**
 * When the first of its deliveries is due, of each kind. Ordered, and not an EXISTS of what is due: with a large backlog the
 * planner answers that by reading all of it.
 */
export const FIRST_DUE = {
  live: `(SELECT next_attempt_at FROM deliveries x WHERE x.destination_id = d.id AND x.state = 'pending' AND x.replay_id IS NULL
  ORDER BY next_attempt_at, id LIMIT 1)`,
  replay: `(SELECT next_attempt_at FROM deliveries x WHERE x.destination_id = d.id AND x.state = 'pending' AND x.replay_id IS NOT NULL
  ORDER BY next_attempt_at, id LIMIT 1)`,
  /** The end of the first lease. */
  lease: `(SELECT lease_until FROM deliveries x WHERE x.destination_id = d.id AND x.state = 'sending'
  ORDER BY lease_until LIMIT 1)`,
} as const;
