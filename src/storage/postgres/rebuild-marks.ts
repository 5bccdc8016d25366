/** What a rebuild leaves to dispatch: the events that it could not project, and at its end those that were parked. */
import type pg from 'pg';
import type { ProjectionFailure } from '../../core/dispatch.ts';
import type { ProviderName } from '../../core/event.ts';
import { textArray, uuidArray } from './binary-arrays.ts';
import { CHANNEL } from './dispatch-signals.ts';

/** One that is still owed keeps the mark that it has. Nothing but the projection is owed of the others. */
const PUT_BACK = `
INSERT INTO event_dispatch (event_id, received_at, routed_at, error)
SELECT e.id, e.received_at, now(), f.error
  FROM unnest($1::uuid[], $2::text[]) AS f(event_id, error) JOIN events e ON e.id = f.event_id ORDER BY e.id
ON CONFLICT (event_id) DO NOTHING`;

const UNPARK = `
UPDATE event_dispatch AS d SET attempts = 0, next_attempt_at = NULL
  FROM events e
 WHERE d.next_attempt_at = 'infinity' AND e.id = d.event_id AND d.event_id <= $1::uuid AND e.provider = ANY ($2::text[])
   AND ($3::timestamptz IS NULL OR d.received_at >= $3::timestamptz)`;

const WAKE = `SELECT pg_notify('${CHANNEL}', '')`;

export async function putMarksBack(client: pg.ClientBase, failures: readonly ProjectionFailure[]): Promise<void> {
  if (failures.length === 0) return;
  const ids = uuidArray(failures.map(({ eventId }) => eventId));
  await client.query(PUT_BACK, [ids, textArray(failures.map(({ error }) => error))]);
  // Else they would wait for a poll, and the rebuild for them.
  await client.query(WAKE);
}

/** Of the events up to this id, of these providers, received since then if a time is given. Returns how many. */
export async function unpark(
  client: pg.ClientBase,
  upTo: string,
  providers: readonly ProviderName[],
  from: Date | null,
): Promise<number> {
  const { rowCount } = await client.query(UNPARK, [upTo, providers, from]);
  if (rowCount !== null && rowCount > 0) await client.query(WAKE);
  return rowCount ?? 0;
}
