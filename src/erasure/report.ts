/** What an erasure has done within one source, in numbers. */
import type { Changed } from '../core/erasure.ts';
import type { ErasedConditions } from './erase-conditions.ts';

export interface ErasureReport {
  readonly source: string;
  /** Under which the person is known, the one that was asked for included. */
  readonly ids: number;
  /** Ids of others beside which an id of the person stands in events. */
  readonly otherIds: number;
  readonly events: Changed;
  /** Marks in `event_dispatch`. */
  readonly marks: number;
  readonly requests: Changed;
  readonly tables: readonly (Changed & { readonly table: string })[];
  /** Of others, with an id of the person in them: in a text, a contact card, a number that two people have had. */
  readonly left: { readonly events: number; readonly requests: number };
  /** Of destinations, followers and replays, whichever source they are for. */
  readonly conditions: ErasedConditions;
  /** Events of the person that have come since it was begun. */
  readonly arrived: number;
}

/** True if there was nothing to erase, and nobody mentions it, no operator either. */
export function isUnknown({ events, requests, tables, left, conditions }: ErasureReport): boolean {
  const counts = [events, requests, ...tables].flatMap(({ erased, rewritten }) => [erased, rewritten]);
  const named = [left.events, left.requests, conditions.rewritten, conditions.left.length];
  return [...counts, ...named].every((count) => count === 0);
}
