/** Finished deliveries and replays that have had their time. */
import type { DeliveryRetention } from '../../core/delivery-retention.ts';
import { firstIdAt } from '../../core/row-id.ts';
import { removeUnseenFollowers } from './following-retention.ts';
import { isMissingRelation, toStoreError } from './store-error.ts';
import type { TransactionPool } from './transaction-pool.ts';

/** The walk is along the primary key, in the order in which they were made: no index is kept for it. Attempts go with them. */
const REMOVE = `
WITH step AS MATERIALIZED (
  SELECT id, state, finished_at FROM deliveries WHERE id > $1::uuid AND id < $2::uuid ORDER BY id LIMIT $3
), old AS MATERIALIZED (
  SELECT id FROM deliveries
   WHERE id IN (SELECT id FROM step)
     AND ((state IN ('delivered', 'cancelled') AND finished_at < $4) OR (state = 'dead' AND finished_at < $5))
     FOR UPDATE SKIP LOCKED
), attempts AS (
  DELETE FROM delivery_attempts a USING old WHERE a.delivery_id = old.id
), removed AS (
  DELETE FROM deliveries d USING old WHERE d.id = old.id RETURNING d.id
)
SELECT (SELECT count(*)::int FROM removed) AS removed,
       CASE WHEN (SELECT count(*) FROM step) >= $3 THEN (SELECT id FROM step ORDER BY id DESC LIMIT 1) END AS next`;

/** There are few of them, and they have no index by their end. */
const REMOVE_REPLAYS = `
DELETE FROM replays WHERE id IN (
  SELECT id FROM replays r
   WHERE finished_at < $1
     AND NOT EXISTS (SELECT FROM deliveries d WHERE d.replay_id = r.id AND d.state IN ('pending', 'sending'))
   ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED)`;

const FIRST = '00000000-0000-0000-0000-000000000000';

interface RemovedRow {
  readonly removed: number;
  readonly next: string | null;
}

export interface DeliveryRetentionOptions {
  readonly pool: TransactionPool;
  /** A statement found a table or column missing. */
  readonly onTablesMissing: () => void;
}

export function createDeliveryRetention({ pool, onTablesMissing }: DeliveryRetentionOptions): DeliveryRetention {
  const transaction: TransactionPool['transaction'] = async (work) => {
    try {
      return await pool.transaction(work);
    } catch (thrown) {
      const error = toStoreError(thrown);
      if (isMissingRelation(error)) onTablesMissing();
      throw error;
    }
  };
  return {
    async removeFinished({ finishedBefore, deadBefore, after, limit }) {
      // None is older than its end, so none that began later can be meant.
      const last = firstIdAt(finishedBefore > deadBefore ? finishedBefore : deadBefore);
      const values = [after ?? FIRST, last, limit, finishedBefore, deadBefore];
      return transaction(async (client) => {
        if (after === null) await removeUnseenFollowers(client);
        const { rows } = await client.query<RemovedRow>({ text: REMOVE, values });
        return rows[0] ?? { removed: 0, next: null };
      });
    },
    async removeReplays(finishedBefore) {
      await transaction((client) => client.query(REMOVE_REPLAYS, [finishedBefore]));
    },
  };
}
