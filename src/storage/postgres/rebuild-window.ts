/**
 * The next events of a rebuild, in the order of their ids.
 *
 * Why a cursor over ids misses none, though an event can be committed late and with a small id (a batch that took its time,
 * the drain of a spool). Dispatch projects an event by its mark and deletes the mark in one transaction, and it can do so only
 * after the event is committed. So of an event that is not seen here when its id is passed, the commit comes later than the
 * emptying did, the live projection later than that, and what it writes stays. The other way round: whatever was projected
 * before the emptying, so that its rows are gone, was committed before it, and reading begins after the emptying has been
 * committed: it is seen. For the same reason reading may end with the greatest id that there is once the tables are empty.
 */
import type pg from 'pg';
import type { OwedEvent } from '../../core/dispatch.ts';
import type { ProviderName } from '../../core/event.ts';
import type { RebuildScope } from '../../core/rebuild.ts';
import { firstIdAt } from '../../core/row-id.ts';
import { loadEvents } from './dispatch-marks.ts';
import type { RebuildPosition } from './rebuild-lease.ts';

export const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';
/** Events that a statement looks at, at most: where those of the scope are rare it would else look for minutes. */
const WINDOW = 4_000;
/**
 * Milliseconds. An id has the time of arrival by the clock of the process that made it, and `received_at` is taken a moment
 * later, or after the clock was set back.
 */
const FROM_MARGIN = 3_600_000;

const NEXT = `
WITH passed AS MATERIALIZED (
  SELECT id, provider = ANY ($3::text[]) AND ($4::timestamptz IS NULL OR received_at >= $4::timestamptz) AS wanted
    FROM events WHERE id > $1::uuid AND id <= $2::uuid ORDER BY id LIMIT ${WINDOW}
)
SELECT ARRAY(SELECT id::text FROM passed WHERE wanted ORDER BY id LIMIT $5::int) AS ids,
       (SELECT id FROM passed ORDER BY id DESC LIMIT 1) AS passed,
       (SELECT count(*) FROM passed)::int AS looked`;

export interface WindowScope {
  readonly providers: readonly ProviderName[];
}

export interface RebuildWindow {
  /** Events of the scope, at most as many as asked for. */
  readonly ids: readonly string[];
  /** Where the cursor stands once all of them are done. */
  readonly end: string;
}

/** Where reading begins. */
export function cursorAtStart({ from }: Pick<RebuildScope, 'from'>): string {
  // Before 1970 there are no ids.
  return from === null ? BEFORE_ALL : firstIdAt(new Date(Math.max(0, from.getTime() - FROM_MARGIN)));
}

export async function nextWindow(
  client: pg.ClientBase,
  { cursor, last, from }: RebuildPosition,
  { providers }: WindowScope,
  events: number,
): Promise<RebuildWindow> {
  const end = last ?? BEFORE_ALL;
  const { rows } = await client.query<{ ids: string[]; passed: string | null; looked: number }>(NEXT, [
    cursor,
    end,
    providers,
    from,
    events,
  ]);
  const { ids = [], passed = null, looked = 0 } = rows[0] ?? {};
  if (ids.length === events) return { ids, end: ids.at(-1) ?? end };
  return { ids, end: looked === WINDOW ? (passed ?? end) : end };
}

/** As many of its events as stay within so many bytes of payload, and where the cursor stands once they are done. */
export async function loadWindow(
  client: pg.ClientBase,
  { ids, end }: RebuildWindow,
  bytes: number,
): Promise<{ readonly events: readonly OwedEvent[]; readonly end: string }> {
  if (ids.length === 0) return { events: [], end };
  const marks = ids.map((eventId) => ({ eventId, attempts: 0, routed: true }));
  const { events, orphans } = await loadEvents(client, marks, bytes);
  const loaded = [...events.map(({ id }) => id), ...orphans].sort();
  return { events, end: loaded.length < ids.length ? (loaded.at(-1) ?? end) : end };
}
