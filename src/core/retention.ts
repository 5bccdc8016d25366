/**
 * What is removed, and when. A request goes with its bytes and headers, an event with its payload; projections stay.
 *
 * Nothing goes that somebody still needs: an event stays while its dispatch is owed or parked, and a request while that is so
 * of one of its events, or the bytes hold more than an event's payload does (it is null, or was altered). The position of an
 * event goes after it.
 */

/** Least days for which events are kept, unless for ever: Stripe sends for 30 days, and with the event its dedupe key goes. */
export const LEAST_EVENT_DAYS = 35;

export interface RetentionLimits {
  /** Days for which requests are kept; 0: as long as their events. */
  readonly rawDays: number;
  /** Days for which events are kept, `LEAST_EVENT_DAYS` or more; 0: for ever. With its last event a request goes as well. */
  readonly eventDays: number;
}

export type RetentionTable = 'events' | 'requests';

/** One walk over a table, from its oldest row to those that are not as old as this. */
export interface RetentionWalk {
  readonly table: RetentionTable;
  /** At least 1. */
  readonly days: number;
}

/** Empty if everything is kept for ever. */
export function walksOf({ rawDays, eventDays }: RetentionLimits): readonly RetentionWalk[] {
  const walks: RetentionWalk[] = [];
  if (eventDays > 0) walks.push({ table: 'events', days: eventDays });
  const days = requestDays({ rawDays, eventDays });
  if (days > 0) walks.push({ table: 'requests', days });
  return walks;
}

/** Days for which a request is kept at most, unless it is still needed: no longer than its events. 0: for ever. */
export function requestDays({ rawDays, eventDays }: RetentionLimits): number {
  if (rawDays === 0 || eventDays === 0) return rawDays + eventDays;
  return Math.min(rawDays, eventDays);
}

export interface RemovedBatch {
  readonly events: number;
  readonly requests: number;
  /** The walk has come to rows that are not old enough. */
  readonly done: boolean;
}

export interface RetentionStore {
  /**
   * Removes the next rows of a walk that are old enough and that nobody needs, not more than a few milliseconds' work, and
   * counts them, all in one transaction. The walk goes on where the last call, of whatever process, has ended; once a day
   * it begins anew with what was kept back or came late. Resolves after the commit. Null: another process is at it, or a
   * rebuild has emptied tables and not filled them again.
   *
   * @param now an age is told by this clock or by that of PostgreSQL, whichever is behind: one that is wrong removes nothing
   * @throws StoreError if PostgreSQL refuses. Nothing is removed then, or, if the commit got no answer, it may be
   */
  removeSome(walk: RetentionWalk, now: Date): Promise<RemovedBatch | null>;
}
