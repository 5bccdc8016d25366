/** Reactions, on the row of the message that they are about. */
import { isObject, type JsonObject, own } from '../../../core/json.ts';
import type { ProjectionRow } from '../../../core/projection.ts';
import { objectOr, text } from './columns.ts';
import type { Origin } from './origin.ts';

/** A group of the Cloud API has at most 8 members. Were there ever more reactors, those of the latest reactions are kept. */
const MAX_REACTORS = 100;

interface Reaction {
  /** Null: taken back. Kept, so that the reaction itself, coming late, does not bring it back. */
  readonly emoji: string | null;
  /** ISO 8601; null if the event has no time. */
  readonly at: string | null;
  /** Identity of the event. */
  readonly by: string;
}

/** The row after a reaction; the latest of each reactor counts. `emoji`: absent or empty takes it back. */
export function react(row: ProjectionRow, reactor: string, emoji: string | null, { at, key }: Origin): ProjectionRow {
  const reaction: Reaction = { emoji: emoji || null, at: at?.toISOString() ?? null, by: key };
  const present = objectOr(row['reactions']);
  const former = own(present, reactor);
  if (isObject(former) && order(former) > order({ ...reaction })) return row;
  const others = Object.entries(present).filter(([name]) => name !== reactor);
  const all = [...others, [reactor, reaction] as const];
  return { ...row, reactions: Object.fromEntries(all.length > MAX_REACTORS ? newest(all) : all) };
}

function newest(all: readonly (readonly [string, unknown])[]): (readonly [string, unknown])[] {
  const stamps = (entry: readonly [string, unknown]) => order(objectOr(entry[1]));
  return [...all].sort((one, other) => (stamps(one) < stamps(other) ? 1 : -1)).slice(0, MAX_REACTORS);
}

/** ISO times of this century sort as text; without a time comes first. */
function order(reaction: JsonObject): string {
  return `${text(own(reaction, 'at')) ?? '-'} ${text(own(reaction, 'by')) ?? ''}`;
}
