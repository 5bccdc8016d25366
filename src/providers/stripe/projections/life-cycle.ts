/** How far in its life an event shows an object: higher is later. */
import { textOf } from '../../../core/identity.ts';
import { type JsonObject, own } from '../../../core/json.ts';
import type { SeenEvent } from './snapshot.ts';

export type Rank = (seen: SeenEvent) => number | null;

/** For objects without a course of their own: nothing but that they were created first. */
export const afterCreation: Rank = ({ type }) => (type.endsWith('.created') ? 0 : 1);

/**
 * By status, each with its place in the course of a life; of equals `*.created` is the earliest. Null for a status that is
 * not among them: Stripe may invent one.
 */
export function byStatus(places: Readonly<Record<string, number>>, statusOf = ownStatus): Rank {
  return (seen) => {
    const status = statusOf(seen.object);
    const place = status !== null && Object.hasOwn(places, status) ? places[status] : undefined;
    return place === undefined ? null : 2 * place + (afterCreation(seen) ?? 0);
  };
}

function ownStatus(object: JsonObject): string | null {
  return textOf(own(object, 'status')) ?? null;
}
