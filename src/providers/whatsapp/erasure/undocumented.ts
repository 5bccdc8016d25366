/**
 * What is left of JSON whose shape says nothing about who is named where: notices about groups, and whatever Meta has not
 * documented. A value that is one of the ids, whatever its name, makes the object around it the person's.
 */
import type { PersonIds, Remains } from '../../../core/erasure.ts';
import { textOf } from '../../../core/identity.ts';
import { ExactNumber, isObject, type JsonObject, MAX_DEPTH } from '../../../core/json.ts';
import { cutEach, memberOf, replaced } from './remains.ts';

/** Of an array their members are dropped; an array that is emptied by that takes its object with it if there is no other. */
export function cutUndocumented(value: unknown, ids: PersonIds, room = MAX_DEPTH): Remains<unknown> {
  if (typeof value !== 'object' || value === null || value instanceof ExactNumber) {
    const text = textOf(value);
    return text !== undefined && ids.all.has(text) ? 'nothing' : 'all';
  }
  if (room === 0) return 'all';
  if (Array.isArray(value)) return cutEach(value, (member) => cutUndocumented(member, ids, room - 1));
  return isObject(value) ? cutObject(value, ids, room - 1) : 'all';
}

function cutObject(object: JsonObject, ids: PersonIds, room: number): Remains<JsonObject> {
  const changes: Record<string, unknown> = Object.create(null);
  let emptied = false;
  for (const [name, member] of Object.entries(object)) {
    const remains = cutUndocumented(member, ids, room);
    if (remains === 'all') continue;
    if (remains === 'nothing' && !Array.isArray(member)) return 'nothing';
    emptied ||= remains === 'nothing';
    changes[name] = memberOf(remains, member);
  }
  if (Object.keys(changes).length === 0) return 'all';
  const rest = replaced(object, changes);
  const lists = Object.values(rest).some((member) => Array.isArray(member) && member.length > 0);
  return emptied && !lists ? 'nothing' : { rest };
}
