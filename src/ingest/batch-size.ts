/** How many of the waiting requests travel in one statement. */
import { payloadBytes, type VerifiedRequest } from '../core/event.ts';

/** What a batch may hold; bytes of bodies and payloads. */
const MAX_EVENTS = 5_000;
const MAX_BYTES = 8 * 1024 * 1024;

/** The first so many stay within the bounds. At least one, if any waits: a request that is larger by itself travels alone. */
export function batchSize(waiting: readonly { readonly request: VerifiedRequest }[], maxRequests: number): number {
  let events = 0;
  let bytes = 0;
  let size = 0;
  for (const { request } of waiting) {
    events += request.events.length;
    bytes += request.body.length + payloadBytes(request.events);
    const over = size >= maxRequests || events > MAX_EVENTS || bytes > MAX_BYTES;
    if (over && size > 0) break;
    size++;
  }
  return size;
}
