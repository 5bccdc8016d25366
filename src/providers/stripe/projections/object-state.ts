/**
 * Which of an object's events gives its state. The answer depends on the set of events alone, and nothing but what is
 * kept here is needed to give it.
 *
 * Stripe forbids ordering by `created`, which is in seconds, and gives nothing else to order by. So events count as
 * simultaneous if they are created within 2 s of the newest: a heuristic, as is what follows. Of those the one furthest in
 * the object's life wins, then the one that by `previous_attributes` follows the others. If several are left and differ, the
 * newest is shown and marked: only Stripe's API can tell.
 */
import { own } from '../../../core/json.ts';
import { follows } from './previous-attributes.ts';
import type { SeenEvent } from './snapshot.ts';

/** Seconds by which `created` may mislead about the order. */
const DOUBT = 2;
/** What is kept of an object: so many events, and so many characters of JSON (of a larger object only the newest). */
const MAX_EVENTS = 16;
const MAX_LENGTH = 262_144;

/** Where an event stands in the order of events. */
export type Place = Pick<SeenEvent, 'created' | 'event'>;

/** When an event was created, and when the object it shows was: an id can be given again after a deletion. */
interface Point {
  /** Unix seconds. */
  readonly created: number;
  /** Unix seconds; null if the object does not say. */
  readonly objectCreated: number | null;
}

/** What has been seen of an object. */
export interface ObjectState {
  /** Those created within 2 s of the newest, newest first; without deletions. */
  readonly live: readonly SeenEvent[];
  /** The newest of those 2 s for which there was no room in `live`. All that come after it in that order are left out too. */
  readonly leftOut: Place | null;
  /** The newest deletion. */
  readonly deleted: SeenEvent | null;
  /** The newest `*.created`. */
  readonly made: Point | null;
}

/** How the objects of a table live. */
export interface Life {
  /** How far in its life an event shows the object; null if it says something unheard of, and only the chain can decide. */
  rank(seen: SeenEvent): number | null;
  /** True if an id can be used again after its deletion. */
  readonly canBeMadeAgain: boolean;
  /** True if it makes no difference which of them is shown. */
  same(one: SeenEvent, other: SeenEvent): boolean;
}

export interface CurrentState {
  /** The event that the state is known from. */
  readonly from: SeenEvent;
  /** The event whose object is shown: another one if the object was deleted by an event that shows nothing of it. */
  readonly shown: SeenEvent;
  readonly deleted: boolean;
  /** True if the events do not tell which is the newest state. */
  readonly doubtful: boolean;
}

export const NOTHING_SEEN: ObjectState = { live: [], leftOut: null, deleted: null, made: null };

/** The state with one more event; the same with one that it knows. */
export function withEvent(state: ObjectState, seen: SeenEvent): ObjectState {
  if (seen.type.endsWith('.deleted')) {
    const deleted = state.deleted === null || newestFirst(seen, state.deleted) < 0 ? seen : state.deleted;
    return { ...state, deleted };
  }
  const made = seen.type.endsWith('.created') ? latest(state.made, pointOf(seen)) : state.made;
  // It might fit where the larger one before it did not: but then it would depend on which of them came first.
  if (state.leftOut !== null && newestFirst(seen, state.leftOut) >= 0) return { ...state, made };
  const events = [seen, ...state.live.filter(({ event }) => event !== seen.event)].sort(newestFirst);
  const from = (events[0] ?? seen).created - DOUBT;
  const recent = events.filter(({ created }) => created >= from);
  const live = withinBounds(recent);
  const known = state.leftOut !== null && state.leftOut.created >= from ? state.leftOut : null;
  return { live, leftOut: recent[live.length] ?? known, deleted: state.deleted, made };
}

/** @throws Error if nothing has been seen */
export function currentState(state: ObjectState, life: Life): CurrentState {
  const { live, leftOut, deleted, made } = state;
  const again = deleted !== null && life.canBeMadeAgain && made !== null && isAfter(made, deleted);
  if (deleted !== null && !again) {
    // Some deletions show the object as it was, others only its id.
    const last = own(deleted.object, 'deleted') === true ? choose(live, leftOut, life) : null;
    return { from: deleted, shown: last?.shown ?? deleted, deleted: true, doubtful: last?.doubtful ?? false };
  }
  const since = deleted === null ? live : live.filter((seen) => isAfter(pointOf(seen), deleted));
  const chosen = choose(since.length > 0 ? since : live, leftOut, life);
  if (chosen === null) throw new Error('nothing has been seen of the object');
  return chosen;
}

function choose(live: readonly SeenEvent[], leftOut: Place | null, life: Life): CurrentState | null {
  const furthest = furthestOf(live, life);
  const last = furthest.filter((seen) => !furthest.some((other) => other !== seen && follows(other, seen)));
  const candidates = last.length > 0 ? last : furthest;
  const newest = candidates[0];
  if (newest === undefined) return null;
  const doubtful = leftOut !== null || candidates.some((seen) => seen !== newest && !life.same(seen, newest));
  return { from: newest, shown: newest, deleted: false, doubtful };
}

function furthestOf(live: readonly SeenEvent[], life: Life): readonly SeenEvent[] {
  if (live.length < 2) return live;
  const ranks = live.map((seen) => life.rank(seen) ?? Number.NaN);
  // Not a number if one of them is not.
  const highest = Math.max(...ranks);
  return Number.isNaN(highest) ? live : live.filter((_, index) => ranks[index] === highest);
}

/** The longest beginning that fits. The newest always fits. */
function withinBounds(recent: readonly SeenEvent[]): readonly SeenEvent[] {
  if (recent.length < 2) return recent;
  let length = 0;
  const end = recent.findIndex((seen, index) => {
    length += JSON.stringify([seen.object, seen.previous]).length;
    return index > 0 && (index >= MAX_EVENTS || length > MAX_LENGTH);
  });
  return end === -1 ? recent : recent.slice(0, end);
}

/** Within the seconds of doubt it counts first which object an event shows: the deleted one or its successor. */
function isAfter(point: Point, deletion: SeenEvent): boolean {
  const { created, objectCreated } = pointOf(deletion);
  const known = point.objectCreated !== null && objectCreated !== null && point.objectCreated !== objectCreated;
  if (known && Math.abs(point.created - created) <= DOUBT) return (point.objectCreated ?? 0) > (objectCreated ?? 0);
  return point.created > created;
}

function pointOf({ created, object }: SeenEvent): Point {
  const objectCreated = own(object, 'created');
  return { created, objectCreated: typeof objectCreated === 'number' ? objectCreated : null };
}

function latest(one: Point | null, other: Point): Point {
  if (one === null) return other;
  const difference = one.created - other.created || (one.objectCreated ?? 0) - (other.objectCreated ?? 0);
  return difference > 0 ? one : other;
}

/** A total order of events: by their keys where `created` is the same. */
function newestFirst(one: Place, other: Place): number {
  if (one.created !== other.created) return other.created - one.created;
  if (one.event === other.event) return 0;
  return one.event > other.event ? -1 : 1;
}
