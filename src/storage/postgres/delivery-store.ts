/**
 * Deliveries in PostgreSQL: leased, reported, given back.
 *
 * Rows are locked in one order, so that nobody waits for somebody who waits for him: `destinations`, then `destination_state`,
 * then `deliveries`, each by id. Dispatch and the API keep to it too; a claim waits for nobody at all.
 */
import type { DeliveryStore } from '../../core/delivery.ts';
import type { SecretBox } from '../../core/secret-box.ts';
import { lease, lockTurns, takeTurns } from './delivery-claim.ts';
import { readNextDue } from './delivery-due.ts';
import { loadDeliveries } from './delivery-load.ts';
import { releaseLeases, takeBack } from './delivery-release.ts';
import { reportAttempts } from './delivery-report.ts';
import { isMissingRelation, toStoreError } from './store-error.ts';
import type { TransactionPool } from './transaction-pool.ts';

export interface DeliveryStoreOptions {
  readonly pool: TransactionPool;
  /** Opens the secrets of destinations. */
  readonly box: Pick<SecretBox, 'open'>;
  /** Milliseconds for which a destination may fail without a single success before it is paused. */
  readonly disableAfterMs: number;
  /** A statement found a table or column missing. */
  readonly onTablesMissing: () => void;
}

export function createDeliveryStore(options: DeliveryStoreOptions): DeliveryStore {
  const { box, disableAfterMs, onTablesMissing } = options;
  const transaction: TransactionPool['transaction'] = async (work, more) => {
    try {
      return await options.pool.transaction(work, more);
    } catch (thrown) {
      const error = toStoreError(thrown);
      if (isMissingRelation(error)) onTablesMissing();
      throw error;
    }
  };
  return {
    claim: (claim) =>
      transaction(
        async (client, send) => {
          const turns = await lockTurns(client, claim);
          if (turns.destinations.size === 0) return [];
          const leased = await lease(client, turns, claim);
          const { deliveries, left } = await loadDeliveries(client, turns, leased, box);
          await takeBack(client, left);
          const kept = leased.filter(({ id }) => !left.includes(id));
          takeTurns(send, turns, kept, claim.leaseMs);
          return deliveries;
        },
        // What has been sent must be there after a crash of the server: else its event would be owed anew, under another id. With
        // the claim everything before it is on the disk too, the making of the delivery among it.
        { durable: true },
      ),
    async report(reports) {
      if (reports.length === 0) return [];
      return transaction((client, send) => reportAttempts(client, send, reports, disableAfterMs));
    },
    async release(owner, deliveries) {
      if (deliveries.length > 0) await transaction((client) => releaseLeases(client, owner, deliveries));
    },
    nextDueInMs: () => transaction(readNextDue),
  };
}
