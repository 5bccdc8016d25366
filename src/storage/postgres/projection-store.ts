/**
 * Routes and projects a batch of events in one transaction, so that its deliveries and rows are made and its marks go together
 * or not at all. Rows first, in the order that `row-writer.ts` explains; deliveries come last, in an order of their own
 * (owed-deliveries.ts): whoever waits there waits for one who does so too. The last of all is the lock on positions.
 */
import type pg from 'pg';
import {
  BatchError,
  type Claim,
  type ClaimedMark,
  type DispatchStore,
  type OwedEvent,
  type PlanDispatch,
  ReductionError,
} from '../../core/dispatch.ts';
import { claimMarks, deleteMarks, type HeldMark, loadEvents, markFailed } from './dispatch-marks.ts';
import type { DispatchPool } from './dispatch-pool.ts';
import { givePositions } from './event-positions.ts';
import { insertOwed, readRoutes } from './owed-deliveries.ts';
import { writeRows } from './row-writer.ts';
import { isMissingRelation, toStoreError } from './store-error.ts';

export interface ProjectionStoreOptions {
  readonly pool: DispatchPool;
  readonly readCounts: DispatchStore['counts'];
  /** A statement found a table or column missing. */
  readonly onTablesMissing: () => void;
}

export function createProjectionStore({ pool, readCounts, onTablesMissing }: ProjectionStoreOptions): DispatchStore {
  const failed = (thrown: unknown, claimed: readonly ClaimedMark[]): Error => {
    if (thrown instanceof ReductionError) return thrown;
    const error = toStoreError(thrown);
    if (isMissingRelation(error)) onTablesMissing();
    return new BatchError(claimed, error);
  };
  return {
    async project(claim, plan) {
      let claimed: HeldMark[] = [];
      try {
        return await pool.transaction(async (client) => {
          claimed = await claimMarks(client, claim);
          return claimed.length === 0 ? [] : await projectMarks(client, claim, claimed, plan);
        });
      } catch (error) {
        throw failed(error, claimed);
      }
    },
    async fail(failure) {
      try {
        await pool.transaction((client) => markFailed(client, [failure], { routed: false }));
      } catch (error) {
        throw failed(error, []);
      }
    },
    counts: readCounts,
  };
}

async function projectMarks(
  client: pg.ClientBase,
  claim: Claim,
  claimed: readonly HeldMark[],
  plan: PlanDispatch,
): Promise<readonly OwedEvent[]> {
  const { events, orphans } = await loadEvents(client, claimed, claim.bytes);
  const unrouted = events.filter(({ routed }) => !routed).map(({ id }) => id);
  const routes = unrouted.length === 0 ? [] : await readRoutes(client);
  const batch = plan(events, routes);
  await writeRows(client, batch);
  await insertOwed(client, batch.deliveries);
  const { failures } = batch;
  const kept = new Set(failures.map(({ eventId }) => eventId));
  const done = events.filter(({ id }) => !kept.has(id)).map(({ id }) => id);
  await deleteMarks(client, [...done, ...orphans]);
  await markFailed(client, failures, { routed: true });
  await givePositions(client, unrouted);
  return events;
}
