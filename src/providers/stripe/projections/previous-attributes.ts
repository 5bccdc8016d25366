/** What `previous_attributes` tells about the order of two events. */
import { isDeepStrictEqual } from 'node:util';
import { isObject, type JsonObject, own } from '../../../core/json.ts';
import type { SeenEvent } from './snapshot.ts';

/** True if `later` changed just what `earlier` shows: every former value that it names is the one of `earlier`. */
export function follows(later: SeenEvent, earlier: SeenEvent): boolean {
  const { previous } = later;
  if (previous === null || Object.keys(previous).length === 0) return false;
  return shows(earlier.object, previous);
}

/** Objects within are partial, arrays whole; an absent member, such as a key of `metadata`, was null. */
function shows(object: JsonObject, previous: JsonObject): boolean {
  return Object.keys(previous).every((name) => {
    const [now, before] = [own(object, name) ?? null, own(previous, name) ?? null];
    return isObject(now) && isObject(before) ? shows(now, before) : isDeepStrictEqual(now, before);
  });
}
