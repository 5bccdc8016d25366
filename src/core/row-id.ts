/**
 * Ids of requests and events. Their order is that of arrival, and an event's has the millisecond of its request's: so the
 * events of a request are found by the primary key, without an index on `request_id`.
 */
import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

/** Randomness is drawn for many ids at once: one by one it costs six times what the id does (1.7 and 0.26 us). */
const pool = Buffer.alloc(16 * 256);
let used = pool.length;

/** A new UUID v7: sorted by the millisecond in which it was made. */
export function rowId(): string {
  return idOf(Date.now());
}

/** A new UUID v7 for an event of this request, whenever it is found: of the same millisecond as the request's id. */
export function eventRowId(requestId: string): string {
  return idOf(Number.parseInt(requestId.slice(0, 8) + requestId.slice(9, 13), 16));
}

/** The least id that can be made in that millisecond; before 1970 there is none, and so the least of all. */
export function firstIdAt(time: Date): string {
  const milliseconds = Math.max(0, time.getTime()).toString(16).padStart(12, '0');
  return `${milliseconds.slice(0, 8)}-${milliseconds.slice(8)}-0000-0000-000000000000`;
}

function idOf(msecs: number): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += 16;
  return v7({ msecs, random: pool.subarray(used - 16, used) });
}

/** The same, and above every one that this function has made in this process, also within a millisecond and if the clock is set back. */
export function ascendingRowId(): string {
  return v7();
}
