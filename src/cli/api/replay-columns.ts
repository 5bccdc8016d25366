/** The table of replays, which fits a terminal of 100 columns as that of deliveries does: whole ids, short times. */
import type { Replay } from './replay-progress.ts';
import { shortUtc, span } from './short-time.ts';
import type { Column } from './table.ts';

export const REPLAY_COLUMNS: readonly Column<Replay>[] = [
  { head: 'at (UTC)', value: ({ createdAt }) => shortUtc(createdAt) },
  { head: 'state', value: stateWithShare },
  { head: 'owed', value: ({ owed }) => owed },
  { head: 'what', value: describe, shrinks: true },
  { head: 'from (UTC)', value: range },
  { head: 'id', value: ({ id }) => id },
];

/** How much of it is walked, while that goes on. */
function stateWithShare({ state, progress }: Replay): string {
  return state === 'running' ? `${state} ${Math.floor(progress * 100)} %` : state;
}

function describe({ events, filter }: Replay): string {
  if (events !== null) return events.length === 1 ? '1 event' : `${events.length} events`;
  return filter?.types.join(', ') ?? '*';
}

/** `11-20 10:00, 24h`: from when, and how long. */
function range({ from, to }: Replay): string | null {
  if (from === null || to === null) return null;
  return `${shortUtc(from)}, ${span(Date.parse(to) - Date.parse(from), Math.round)}`;
}
