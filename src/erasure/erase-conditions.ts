/**
 * What becomes of conditions in which an operator has typed an id of the person. Whether an event is sent hangs on that of a
 * destination, so only people can say what it is to be instead. A replay that has ended keeps its own for the record alone.
 */
import type { ErasureStore, FoundCondition } from '../core/erasure.ts';
import { ExactNumber, type JsonObject } from '../core/json.ts';
import type { Person } from './person.ts';

/** In place of a text or a number that holds an id. */
export const ERASED = '(erased)';

export interface ErasedConditions {
  /** Of replays that have ended. */
  readonly rewritten: number;
  readonly left: readonly NamingCondition[];
}

/** Whose condition names the person. */
export type NamingCondition = Pick<FoundCondition, 'of' | 'id' | 'name'>;

export async function eraseConditions(
  person: Person,
  { store, dryRun }: { readonly store: ErasureStore; readonly dryRun: boolean },
): Promise<ErasedConditions> {
  const { terms } = person.about();
  const left: NamingCondition[] = [];
  let rewritten = 0;
  for (const { of, id, name, ended, condition } of await store.conditions(terms)) {
    if (!ended) {
      left.push({ of, id, name });
      continue;
    }
    rewritten++;
    if (!dryRun) await store.rewriteReplay(id, without(condition, terms) as JsonObject);
  }
  return { rewritten, left };
}

function without(value: unknown, terms: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((member) => without(member, terms));
  if (typeof value === 'object' && value !== null && !(value instanceof ExactNumber)) {
    const members = Object.entries(value).map(([name, member]) => [cut(name, name, terms), without(member, terms)]);
    return Object.fromEntries(members);
  }
  return cut(value, value instanceof ExactNumber ? value.text : String(value), terms);
}

function cut<T>(value: T, text: string, terms: readonly string[]): T | string {
  return terms.some((term) => text.includes(term)) ? ERASED : value;
}
