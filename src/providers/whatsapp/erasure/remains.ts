/** What is left of JSON when parts of it are taken out. */
import type { Remains } from '../../../core/erasure.ts';
import type { JsonObject } from '../../../core/json.ts';

/** What is left of a list; `nothing` if every member is gone, and there was one. */
export function cutEach(list: readonly unknown[], cut: (member: unknown) => Remains<unknown>): Remains<unknown[]> {
  const left = list.map((member) => ({ member, remains: cut(member) }));
  if (left.every(({ remains }) => remains === 'all')) return 'all';
  const rest = left.flatMap(({ member, remains }) =>
    remains === 'nothing' ? [] : [remains === 'all' ? member : remains.rest],
  );
  return rest.length === 0 ? 'nothing' : { rest };
}

/** A copy with some members replaced; undefined leaves a member out. */
export function replaced(object: JsonObject, changes: Readonly<Record<string, unknown>>): JsonObject {
  const copy: Record<string, unknown> = Object.create(null);
  for (const [name, value] of Object.entries(object)) {
    const next = Object.hasOwn(changes, name) ? changes[name] : value;
    if (next !== undefined) copy[name] = next;
  }
  return copy;
}

/** What is to stand in the place of a member. */
export function memberOf(remains: Remains<unknown>, member: unknown): unknown {
  if (remains === 'all') return member;
  return remains === 'nothing' ? undefined : remains.rest;
}
