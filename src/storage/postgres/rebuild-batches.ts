/** A rebuild under way, on PostgreSQL: the cursor moves in the transaction that writes the rows. */
import type pg from 'pg';
import { BatchError, type ClaimedMark, type PartClaim, ReductionError } from '../../core/dispatch.ts';
import { StartupError } from '../../core/errors.ts';
import type { ProjectionTable } from '../../core/projection.ts';
import type { Rebuild, RebuildProgress, RebuildScope, UnfinishedRebuild } from '../../core/rebuild.ts';
import { firstIdAt } from '../../core/row-id.ts';
import { DISPATCH_SESSION } from './dispatch-pool.ts';
import { emptyTable } from './rebuild-emptying.ts';
import { type HeldRebuild, renewLease } from './rebuild-lease.ts';
import { putMarksBack, unpark } from './rebuild-marks.ts';
import { BEFORE_ALL, loadWindow, nextWindow, type RebuildWindow } from './rebuild-window.ts';
import { writeRows } from './row-writer.ts';
import { toStoreError } from './store-error.ts';
import type { TransactionPool } from './transaction-pool.ts';

/** Milliseconds for which an event may wait for dispatch before a rebuild gives way. */
const LIVE_WAIT = 1_000;

const ADVANCE = `
UPDATE projection_rebuilds AS r
   SET events_read = events_read + (SELECT count(*) FROM events WHERE id > r.cursor_event_id AND id <= $2::uuid),
       cursor_event_id = $2::uuid, events_failed = events_failed + $3
 WHERE id = $1::uuid`;

/** Of a rebuild that has been measured it changes nothing. */
const MEASURE = `
UPDATE projection_rebuilds
   SET last_event_id = coalesce((SELECT id FROM events ORDER BY id DESC LIMIT 1), cursor_event_id)
 WHERE id = $1::uuid AND last_event_id IS NULL`;
const COUNT = `
UPDATE projection_rebuilds AS r
   SET events_total = (SELECT count(*) FROM events WHERE id > r.cursor_event_id AND id <= r.last_event_id)
 WHERE id = $1::uuid AND events_total IS NULL AND events_read = 0`;

const PROGRESS = `
SELECT events_read::float8 AS "eventsRead", events_total::float8 AS "eventsTotal", events_failed::float8 AS "eventsFailed",
       cursor_event_id >= last_event_id AS ended
  FROM projection_rebuilds WHERE id = $1::uuid`;

const LIVE_EVENTS_WAIT = `
SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = '${DISPATCH_SESSION}')
   AND (SELECT true FROM event_dispatch
         WHERE event_id < $1::uuid AND (next_attempt_at IS NULL OR next_attempt_at <= now())
         ORDER BY event_id LIMIT 1) IS NOT NULL AS waits`;

const FINISHED = 'SELECT FROM projection_rebuilds WHERE id = $1::uuid AND finished_at IS NOT NULL';
const FINISH = 'UPDATE projection_rebuilds SET finished_at = now(), lease_until = now() WHERE id = $1::uuid';
const RELEASE = 'UPDATE projection_rebuilds SET lease_until = now() WHERE id = $1::uuid AND owner = $2::uuid';
const LET_RETENTION_GO = 'UPDATE retention SET leased_until = now() WHERE leased_by = $1::uuid';

export interface RebuildOptions {
  readonly pool: TransactionPool;
  readonly held: HeldRebuild;
  readonly scope: RebuildScope;
  readonly state: UnfinishedRebuild;
}

export function createRebuild({ pool, held, scope, state }: RebuildOptions): Rebuild {
  const asStoreErrors = async <T>(work: (client: pg.ClientBase) => Promise<T>): Promise<T> => {
    try {
      return await pool.transaction(work);
    } catch (error) {
      throw error instanceof StartupError ? error : toStoreError(error);
    }
  };
  const asBatchErrors = async <T>(
    claimed: () => readonly ClaimedMark[],
    work: (client: pg.ClientBase) => Promise<T>,
  ): Promise<T> => {
    try {
      return await pool.transaction(work);
    } catch (error) {
      if (error instanceof StartupError || error instanceof ReductionError) throw error;
      throw new BatchError(claimed(), toStoreError(error));
    }
  };
  const emptied = new Set<ProjectionTable>();
  const advance = (client: pg.ClientBase, cursor: string, failures: number) =>
    client.query(ADVANCE, [held.id, cursor, failures]);
  return {
    state,
    async project(claim, plan) {
      let claimed: readonly ClaimedMark[] = [];
      return asBatchErrors(
        () => claimed,
        async (client) => {
          const position = await renewLease(client, held);
          const window = 'only' in claim ? windowOf(claim) : await nextWindow(client, position, scope, claim.events);
          const marks = window.ids.map(unowed);
          // Which of several cannot even be loaded is found by asking for fewer.
          if (marks.length === 1) claimed = marks;
          const { events, end } = await loadWindow(
            client,
            window,
            'only' in claim ? Number.MAX_SAFE_INTEGER : claim.bytes,
          );
          claimed = events.map(({ id }) => unowed(id));
          const batch = plan(events, []);
          await writeRows(client, batch);
          await putMarksBack(client, batch.failures);
          await advance(client, end, batch.failures.length);
          return events;
        },
      );
    },
    fail: (failure) =>
      asBatchErrors(
        () => [],
        async (client) => {
          await renewLease(client, held);
          await putMarksBack(client, [failure]);
          await advance(client, failure.eventId, 1);
        },
      ),
    async empty(options) {
      for (const table of scope.tables) {
        if (emptied.has(table)) continue;
        await asStoreErrors((client) => emptyTable(client, held, table, options));
        emptied.add(table);
      }
    },
    async measure() {
      await asStoreErrors(async (client) => {
        await renewLease(client, held);
        await client.query(MEASURE, [held.id]);
      });
      // It is for people only, and may take longer than a statement may.
      await asStoreErrors((client) => client.query(COUNT, [held.id])).catch(() => undefined);
    },
    progress: () =>
      asStoreErrors(async (client) => {
        const { rows } = await client.query<RebuildProgress>(PROGRESS, [held.id]);
        return rows[0] ?? { eventsRead: 0, eventsTotal: null, eventsFailed: 0, ended: false };
      }),
    liveEventsWait: () =>
      asStoreErrors(async (client) => {
        const { rows } = await client.query<{ waits: boolean }>(LIVE_EVENTS_WAIT, [
          firstIdAt(new Date(Date.now() - LIVE_WAIT)),
        ]);
        return rows[0]?.waits ?? false;
      }),
    finish: () =>
      asStoreErrors(async (client) => {
        // With this commit all before it are on the disk: nobody would find out that it has to be done again.
        await client.query('SET LOCAL synchronous_commit = on');
        // A commit that got no answer may have happened.
        if ((await client.query(FINISHED, [held.id])).rows.length > 0) return 0;
        const { cursor, from } = await renewLease(client, held);
        const unparked = await unpark(client, cursor, scope.providers, from);
        await client.query(FINISH, [held.id]);
        await client.query(LET_RETENTION_GO, [held.id]);
        return unparked;
      }),
    release: () =>
      asStoreErrors(async (client) => {
        await client.query(RELEASE, [held.id, held.owner]);
        await client.query(LET_RETENTION_GO, [held.id]);
      }),
  };
}

/** A part of a batch that failed: all of it, since together with the rest it was not too large. */
function windowOf({ only }: PartClaim): RebuildWindow {
  return { ids: only, end: only.at(-1) ?? BEFORE_ALL };
}

/** Whatever mark it may have is not looked at. */
function unowed(eventId: string): ClaimedMark {
  return { eventId, attempts: 0 };
}
