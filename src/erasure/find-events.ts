/** Which events are a person's. What they say may lead to further ids, and these to further events. */
import type { Eraser, ErasureStore, FoundEvent, Remains } from '../core/erasure.ts';
import { UNKNOWN } from '../core/event-columns.ts';
import type { JsonObject } from '../core/json.ts';
import type { Projector, StoredEvent, Touch } from '../core/projection.ts';
import type { Person } from './person.ts';
import { RowSet } from './row-set.ts';

export interface FindOptions {
  readonly store: ErasureStore;
  readonly eraser: Eraser;
  readonly projector: Projector;
  readonly source: string;
  /** Called for each page. */
  readonly onPage: () => Promise<void>;
}

/** What was found with the ids known so far. */
export class FoundEvents {
  /** Nothing will be left of them. */
  readonly own = new Set<string>();
  /** Something of others will. */
  readonly shared = new Set<string>();
  /** Rows that these have touched. */
  readonly touched = new RowSet();
  readonly furtherIds = new Set<string>();

  look(event: FoundEvent, person: Person, { eraser, projector }: FindOptions): void {
    const remains = remainsOf(event, person, eraser);
    if (remains === 'all') return;
    (remains === 'nothing' ? this.own : this.shared).add(event.id);
    if (event.payload === null) return;
    for (const id of eraser.furtherIds(event.payload, person)) this.furtherIds.add(id);
    for (const { table, key } of touchesOf(event, projector)) this.touched.add(table, key);
  }
}

export async function findEvents(person: Person, options: FindOptions): Promise<FoundEvents> {
  for (;;) {
    const found = new FoundEvents();
    for await (const page of options.store.events(options.source, person.about())) {
      for (const event of page) found.look(event, person, options);
      await options.onPage();
    }
    if (!(await person.add(found.furtherIds))) return found;
  }
}

/** Of an event without a payload its subject tells. */
export function remainsOf({ payload, subject }: FoundEvent, person: Person, eraser: Eraser): Remains<JsonObject> {
  if (payload !== null) return eraser.payload(payload, person);
  return subject !== null && person.all.has(subject) ? 'nothing' : 'all';
}

/** None for an event that cannot be projected, or is parked for what it holds. */
export function touchesOf(event: FoundEvent, projector: Projector): readonly Touch[] {
  if (event.payload === null || event.type === UNKNOWN) return [];
  try {
    return projector.project(event as StoredEvent);
  } catch {
    return [];
  }
}
