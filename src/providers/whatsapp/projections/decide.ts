/**
 * Who decides what a row says. Events come in any order and more than once, so a row keeps, for each group of columns that
 * are decided together (a slot), which event decided it: the greatest of those that had something to say.
 */
import type { ProjectionRow } from '../../../core/projection.ts';

/**
 * How much an event knows of a message, before its time counts. Where all know as much (contacts, templates), the rank is
 * `HEARSAY` throughout.
 */
export const HEARSAY = 0;
export const PLACEHOLDER = 1;
export const HISTORY = 2;
export const LIVE = 3;
export const EDIT = 4;

/**
 * Orders events as text: by rank, then by the provider's time (none before all others), then by dedupe key. Times have 13
 * digits, for an event's time lies between 2000 and 2100.
 */
export function stampOf(rank: number, at: Date | null, key: string): string {
  return `${rank} ${at === null ? '-' : String(at.getTime()).padStart(13, '0')} ${key}`;
}

/** Columns by slot; null where the event says nothing about them. A slot always has the same columns. */
export type Slots = Readonly<Record<string, ProjectionRow | null>>;

/** The jsonb column that says by which stamp each slot was decided: `{ stamp: [slot, …] }`, so at most one stamp a slot. */
export const DECIDED_BY = 'decided_by';

/**
 * The row with the columns of every slot that this stamp decides; the row itself if there is none. What an event has decided
 * it decides again, so that events applied once more fill columns that a later release has added.
 */
export function decide(row: ProjectionRow, stamp: string, slots: Slots): ProjectionRow {
  const deciders = decidersOf(row);
  const changed: Record<string, unknown> = {};
  let any = false;
  for (const [slot, columns] of Object.entries(slots)) {
    if (columns === null || stamp < (deciders.get(slot) ?? '')) continue;
    deciders.set(slot, stamp);
    Object.assign(changed, columns);
    any = true;
  }
  return any ? { ...row, ...changed, [DECIDED_BY]: grouped(deciders) } : row;
}

/** The stamp by which a slot was decided; empty, hence before all others, if none has yet. */
export function deciderOf(row: ProjectionRow, slot: string): string {
  return decidersOf(row).get(slot) ?? '';
}

function decidersOf(row: ProjectionRow): Map<string, string> {
  const stamps = (row[DECIDED_BY] ?? {}) as Readonly<Record<string, readonly string[]>>;
  return new Map(Object.entries(stamps).flatMap(([stamp, slots]) => slots.map((slot) => [slot, stamp] as const)));
}

function grouped(deciders: ReadonlyMap<string, string>): Readonly<Record<string, readonly string[]>> {
  const stamps: Record<string, string[]> = {};
  for (const slot of [...deciders.keys()].sort()) {
    const stamp = deciders.get(slot) ?? '';
    stamps[stamp] = [...(stamps[stamp] ?? []), slot];
  }
  return stamps;
}
