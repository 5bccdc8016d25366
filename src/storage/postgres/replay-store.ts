/**
 * The job behind a replay, step by step. The row of `replays` is the lock: whoever has it walks on, others take another one.
 * What a step owes and its place in the walk are one commit, so a step that was cut off is done again from where it began.
 *
 * Rows are locked in one order: `replays`, `events`, then as delivery-store.ts tells.
 */
import type pg from 'pg';
import {
  type PlanReplay,
  ReplayFault,
  type ReplayOrder,
  type ReplayStep,
  type ReplayStore,
} from '../../core/replay.ts';
import { insertOwed, readRoutes } from './owed-deliveries.ts';
import { cancelWaiting } from './replay-cancel.ts';
import { REPLAY_COLUMNS, type ReplayRow, toOrder } from './replay-row.ts';
import { lockSubjects, readHeads, readPayloads } from './replay-walk.ts';
import { isMissingRelation, toStoreError } from './store-error.ts';
import type { TransactionPool } from './transaction-pool.ts';

/** Events that one step looks at, and about how many deliveries it makes. */
const MAX_EVENTS = 500;
const MAX_DELIVERIES = 5_000;
/** Milliseconds until it is seen whether what was under way at a cancellation has ended. */
const UNDER_WAY_MS = 1_000;

const UNFINISHED = `state IN ('running', 'cancelling')`;

const CLAIM = `
SELECT ${REPLAY_COLUMNS} FROM replays WHERE ${UNFINISHED} AND next_step_at <= now()
 ORDER BY next_step_at LIMIT 1 FOR UPDATE SKIP LOCKED`;

/** The column has whole milliseconds, and rounding would put `now` into the future. */
const FINISH = `
UPDATE replays
   SET state = $2, cursor = COALESCE($3::uuid, cursor), scanned = scanned + $4, matched = matched + $5, owed = owed + $6,
       error = COALESCE($7, error), next_step_at = date_trunc('milliseconds', now()) + $8::float8 * interval '1 millisecond',
       finished_at = CASE WHEN $2 IN ('running', 'cancelling') THEN NULL ELSE now() END
 WHERE id = $1::uuid
RETURNING scanned::float8 AS scanned, matched::float8 AS matched, owed::float8 AS owed`;

const NEXT_DUE = `
SELECT CASE WHEN min(next_step_at) <= now() THEN 0
            ELSE ceil(extract(epoch FROM min(next_step_at) - now()) * 1000)::float8 END AS in_ms
  FROM replays WHERE ${UNFINISHED}`;

const FAIL = `UPDATE replays SET state = 'failed', error = $2, finished_at = now() WHERE id = $1::uuid AND state = 'running'`;

export interface ReplayStoreOptions {
  readonly pool: TransactionPool;
  /** A statement found a table or column missing. */
  readonly onTablesMissing: () => void;
}

export function createReplayStore({ pool, onTablesMissing }: ReplayStoreOptions): ReplayStore {
  const failed = (thrown: unknown) => {
    const error = toStoreError(thrown);
    if (isMissingRelation(error)) onTablesMissing();
    return error;
  };
  /** Fewer after a failure: a small transaction gets through sooner. */
  let limit = MAX_EVENTS;
  return {
    async step(plan) {
      let replayId: string | null = null;
      try {
        const step = await pool.transaction(async (client) => {
          const [row] = (await client.query<ReplayRow>(CLAIM)).rows;
          if (row === undefined) return null;
          replayId = row.id;
          return row.state === 'cancelling' ? cancel(client, row) : walk(client, row, plan, limit);
        });
        limit = Math.min(MAX_EVENTS, limit * 4);
        return step;
      } catch (thrown) {
        const error = failed(thrown);
        limit = Math.max(1, limit >> 3);
        if (error.fault === 'data' && replayId !== null) await fail(replayId, error.message);
        throw error;
      }
    },
    async nextDueInMs() {
      try {
        return await pool.transaction(async (client) => {
          const { rows } = await client.query<{ in_ms: number | null }>(NEXT_DUE);
          return rows[0]?.in_ms ?? null;
        });
      } catch (error) {
        throw failed(error);
      }
    },
  };

  /** If this fails too, the next step comes to it again. */
  async function fail(replayId: string, error: string): Promise<void> {
    await pool.transaction((client) => client.query(FAIL, [replayId, error])).catch(() => undefined);
  }
}

async function walk(client: pg.ClientBase, row: ReplayRow, plan: PlanReplay, rows: number): Promise<ReplayStep> {
  const order = toOrder(row);
  const { heads, end, last } = await readHeads(client, order.scope, row.cursor, rows);
  const routes = await readRoutes(client);
  const limit = limitOf(order, routes.length);
  try {
    const planned = planning(() => plan(order, routes));
    const asked = planning(() => new Set(heads.filter((head) => planned.readsPayload(head)).map(({ id }) => id)));
    const { events, all } = await readPayloads(client, heads, asked, limit);
    const { deliveries, taken, matched } = planning(() => planned.owe(events, limit));
    const made = await insertOwed(client, await lockSubjects(client, deliveries), row.id);
    const through = all && taken === events.length;
    return await finish(client, row.id, {
      state: through && last ? 'done' : 'running',
      cursor: through ? end : events[taken - 1]?.id,
      scanned: taken,
      matched,
      made,
      waitMs: order.ratePerSecond === null ? 0 : Math.ceil((matched * 1_000) / order.ratePerSecond),
    });
  } catch (error) {
    if (!(error instanceof ReplayFault)) throw error;
    return finish(client, row.id, { state: 'failed', error: error.message });
  }
}

/** Events that may be owed in one step: those of a second, and not too many deliveries. */
function limitOf({ destinationIds, ratePerSecond }: ReplayOrder, routes: number): number {
  const destinations = Math.max(1, destinationIds?.length ?? routes);
  return Math.max(1, Math.floor(Math.min(ratePerSecond ?? MAX_EVENTS, MAX_DELIVERIES / destinations)));
}

/** Whatever a plan throws is told by its kind only: its message may quote a payload. */
function planning<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ReplayFault) throw error;
    throw new ReplayFault(
      `its events cannot be planned: ${error instanceof Error ? error.name : 'something'} was thrown`,
    );
  }
}

async function cancel(client: pg.ClientBase, { id }: ReplayRow): Promise<ReplayStep> {
  const outcome = await cancelWaiting(client, id);
  const state = outcome === 'nothing' ? 'cancelled' : 'cancelling';
  return finish(client, id, { state, waitMs: outcome === 'waits' ? UNDER_WAY_MS : 0 });
}

interface Finish extends Pick<ReplayStep, 'state'> {
  /** Absent: where it was. */
  readonly cursor?: string | undefined;
  readonly scanned?: number;
  readonly matched?: number;
  readonly made?: number;
  readonly error?: string;
  readonly waitMs?: number;
}

async function finish(client: pg.ClientBase, replayId: string, step: Finish): Promise<ReplayStep> {
  const { state, cursor = null, scanned = 0, matched = 0, made = 0, error = null, waitMs = 0 } = step;
  const values = [replayId, state, cursor, scanned, matched, made, error, waitMs];
  const { rows } = await client.query<Pick<ReplayStep, 'scanned' | 'matched' | 'owed'>>({ text: FINISH, values });
  const { scanned: all = 0, matched: allMatched = 0, owed = 0 } = rows[0] ?? {};
  return { replayId, state, made, scanned: all, matched: allMatched, owed };
}
