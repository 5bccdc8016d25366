/** Who is at work on a rebuild. Every transaction of one begins here, so that a process that was taken for dead does no harm. */
import type pg from 'pg';
import { StartupError } from '../../core/errors.ts';

/** Milliseconds after which another process may go on in the place of one that gives no sign of life. Several batches long. */
export const LEASE_MS = 15_000;
export const LEASE_END = `clock_timestamp() + ${LEASE_MS} * interval '1 millisecond'`;

export interface HeldRebuild {
  readonly id: string;
  /** Of this process. */
  readonly owner: string;
  /** It makes its tables of all events there are, so none may be removed meanwhile. */
  readonly full: boolean;
}

/** Whether it has run out says nothing: nobody else has taken it, or the owner would be another. */
const RENEW = `
UPDATE projection_rebuilds SET lease_until = ${LEASE_END}
 WHERE id = $1::uuid AND owner = $2::uuid AND finished_at IS NULL
RETURNING cursor_event_id AS cursor, last_event_id AS last, from_time AS "from"`;

/**
 * Retention stands still while somebody holds the lease in its row. It takes that row first and skips it where it is
 * locked, so there is no cycle: we may wait for a page of it, and it never waits for us.
 */
const HOLD_RETENTION = `
UPDATE retention SET leased_by = $1::uuid, leased_until = now() + interval '1 minute'
 WHERE leased_by IS DISTINCT FROM $1::uuid OR leased_until < now() + interval '30 seconds'`;

export interface RebuildPosition {
  /** Of the last event that was passed. */
  readonly cursor: string;
  /** Null until it is measured. */
  readonly last: string | null;
  readonly from: Date | null;
}

/** Locks the row of the rebuild to the end of the transaction. @throws StartupError if another process has taken it over */
export async function renewLease(client: pg.ClientBase, { id, owner, full }: HeldRebuild): Promise<RebuildPosition> {
  const { rows } = await client.query<RebuildPosition>(RENEW, [id, owner]);
  const [position] = rows;
  if (position === undefined) throw new StartupError('Another process has taken this rebuild over.');
  if (full) await client.query(HOLD_RETENTION, [id]);
  return position;
}
