/**
 * Removes what is old enough, page by page, each in a transaction with its count and with how far the walk has come.
 *
 * The row of `retention` is the lock: whoever has it works, and keeps a lease on the next pages, since two that took turns
 * would leave live traffic half of the rest that each of them gives it. Nobody waits for a row here but for one that is being
 * erased by hand; ingest waits for a page if just then an event comes again that it removes, and stores it as new.
 */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { Position } from '../../core/follower.ts';
import type { RemovedBatch, RetentionStore, RetentionTable, RetentionWalk } from '../../core/retention.ts';
import { firstIdAt } from '../../core/row-id.ts';
import { uuidArray } from './binary-arrays.ts';
import { removeOrphans } from './following-retention.ts';
import { REMOVE_CHILDLESS, REMOVE_EVENTS, REMOVE_REQUESTS } from './retention-statements.ts';
import { isMissingRelation, toStoreError } from './store-error.ts';
import type { TransactionPool } from './transaction-pool.ts';

/** What one transaction looks at. */
const PAGE_ROWS = 1_000;
const PAGE_BYTES = 16 * 1024 * 1024;
/** Of whoever has removed the last page. */
const LEASE = `interval '1 minute'`;
/** From the oldest row to those not old enough; after that the walk begins anew, with what was kept back or came late. */
const ROUND = `interval '1 day'`;
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

/** The columns of a walk in `retention`. */
const WALK: Readonly<Record<RetentionTable, { readonly cursor: string; readonly round: string }>> = {
  events: { cursor: 'event_cursor', round: 'event_round_at' },
  requests: { cursor: 'request_cursor', round: 'request_round_at' },
};

/** A rebuild that has emptied tables needs every event there is until it has filled them, however long it stands still. */
const claim = ({ cursor, round }: { cursor: string; round: string }) => `
SELECT ${cursor} AS cursor, ${round} <= now() - ${ROUND} AS "roundOver",
       LEAST(now(), $2::timestamptz) - $3::int * interval '1 day' AS "receivedBefore"
  FROM retention
 WHERE (leased_by = $1::uuid OR leased_until <= now())
   AND NOT EXISTS (SELECT FROM projection_rebuilds WHERE finished_at IS NULL AND emptied_at IS NOT NULL)
   FOR UPDATE SKIP LOCKED`;

const finish = ({ cursor, round }: { cursor: string; round: string }) => `
UPDATE retention
   SET events_removed = events_removed + $2, requests_removed = requests_removed + $3, ${cursor} = $4::uuid,
       ${round} = CASE WHEN $5 THEN now() ELSE ${round} END, leased_by = $1::uuid, leased_until = now() + ${LEASE}`;

/** Somebody has emptied the table. */
const MEND = 'INSERT INTO retention SELECT WHERE NOT EXISTS (SELECT FROM retention) ON CONFLICT DO NOTHING';

interface Claimed {
  readonly cursor: string | null;
  readonly roundOver: boolean;
  readonly receivedBefore: Date;
}

interface Page {
  readonly last: string | null;
  readonly removed: number;
  readonly more: boolean;
  readonly requests: readonly string[];
}

export interface RetentionStoreOptions {
  readonly pool: TransactionPool;
  /** A statement found a table or column missing. */
  readonly onTablesMissing: () => void;
  readonly pageRows?: number;
  readonly pageBytes?: number;
}

export function createRetentionStore(options: RetentionStoreOptions): RetentionStore {
  const { pool, onTablesMissing, pageRows = PAGE_ROWS, pageBytes = PAGE_BYTES } = options;
  const owner = randomUUID();
  /** Where the walk along the positions is: it begins anew with that of the events. */
  let position: Position = 0;
  return {
    async removeSome(walk, now) {
      try {
        const step = { walk, now, owner, pageRows, pageBytes, position };
        const page = await pool.transaction((client) => removePage(client, step));
        if (page === null) return null;
        position = page.position;
        return page.batch;
      } catch (thrown) {
        const error = toStoreError(thrown);
        if (isMissingRelation(error)) onTablesMissing();
        throw error;
      }
    },
  };
}

interface Step {
  readonly walk: RetentionWalk;
  readonly now: Date;
  readonly owner: string;
  readonly pageRows: number;
  readonly pageBytes: number;
  readonly position: Position;
}

interface RemovedPage {
  readonly batch: RemovedBatch;
  readonly position: Position;
}

async function removePage(client: pg.ClientBase, step: Step): Promise<RemovedPage | null> {
  const { table, days } = step.walk;
  const { rows: claims } = await client.query<Claimed>(claim(WALK[table]), [step.owner, step.now, days]);
  const [claimed] = claims;
  if (claimed === undefined) {
    await client.query(MEND);
    return null;
  }
  const { cursor, receivedBefore } = claimed;
  const bounds = [cursor ?? BEFORE_ALL, firstIdAt(receivedBefore), receivedBefore, step.pageRows, step.pageBytes];
  const statement = table === 'events' ? REMOVE_EVENTS : REMOVE_REQUESTS;
  const { rows: pages } = await client.query<Page>(statement, bounds);
  const { last, removed, more, requests } = pages[0] ?? { last: null, removed: 0, more: false, requests: [] };
  const events = table === 'events' ? removed : 0;
  const removedRequests = table === 'events' ? await removeChildless(client, requests) : removed;
  // Last, since their order is another one: what is still to be removed would be passed over.
  const orphans =
    table === 'events' && !more
      ? await removeOrphans(client, { after: step.position, limit: step.pageRows, receivedBefore })
      : { after: step.position, ended: true };
  const next = { cursor: last ?? cursor, anew: !more && claimed.roundOver };
  await client.query(finish(WALK[table]), [
    step.owner,
    events,
    removedRequests,
    next.anew ? null : next.cursor,
    next.anew,
  ]);
  const batch = { events, requests: removedRequests, done: !more && orphans.ended };
  return { batch, position: next.anew && table === 'events' ? 0 : orphans.after };
}

async function removeChildless(client: pg.ClientBase, requests: readonly string[]): Promise<number> {
  if (requests.length === 0) return 0;
  const { rowCount } = await client.query(REMOVE_CHILDLESS, [uuidArray(requests)]);
  return rowCount ?? 0;
}
