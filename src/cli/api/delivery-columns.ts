/**
 * The table of deliveries, which fits a terminal of 100 columns: ids are whole, since the next command wants them, and times
 * short. `deliveries show` and JSON have them to the millisecond.
 */
import type { z } from 'zod';
import type { delivery } from '../../http/routes/api/delivery-schemas.ts';
import { waitAt } from './delivery-wait.ts';
import type { Destination, DestinationOf } from './destination-names.ts';
import { shortUtc, span } from './short-time.ts';
import type { Column } from './table.ts';

type Delivery = z.infer<typeof delivery>;

/** In front of the type of what a replay owes. */
export const REPLAYED = '↻';

export function deliveryColumns(destinationOf: DestinationOf): readonly Column<Delivery>[] {
  return [
    { head: 'came (UTC)', value: ({ receivedAt }) => shortUtc(receivedAt) },
    // In front, where nothing is cut.
    { head: 'type', value: ({ type, replayId }) => (replayId === null ? type : `${REPLAYED} ${type}`), shrinks: true },
    { head: 'to', value: ({ destinationId }) => destinationOf(destinationId)?.name ?? destinationId, shrinks: true },
    { head: 'state', value: (row) => stateWithNext(row, destinationOf(row.destinationId)) },
    { head: 'tries', value: ({ attempts }) => attempts },
    { head: 'last', value: ({ lastStatus, lastFailure }) => lastStatus ?? lastFailure, shrinks: true },
    { head: 'id', value: ({ id }) => id },
  ];
}

/**
 * `pending +12h`: tried in twelve hours. `paused`, `probe +15s`: pending, and what it waits for, since it is not tried even if it
 * is due. Both in one would not fit.
 */
function stateWithNext({ state, nextAttemptAt }: Delivery, destination: Destination | undefined): string {
  if (state !== 'pending' || nextAttemptAt === null) return state;
  const wait = destination === undefined ? null : waitAt(destination);
  if (wait?.for === 'resume') return 'paused';
  const attemptIn = Date.parse(nextAttemptAt) - Date.now();
  const probeIn = wait === null ? Number.NEGATIVE_INFINITY : Date.parse(wait.at ?? nextAttemptAt) - Date.now();
  return probeIn >= attemptIn ? `probe ${fromNow(probeIn)}` : `${state} ${fromNow(attemptIn)}`;
}

/** Rounded up. */
function fromNow(milliseconds: number): string {
  return milliseconds <= 0 ? 'now' : `+${span(milliseconds)}`;
}
