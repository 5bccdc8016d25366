/**
 * Erases a person within one source.
 *
 * The order of its steps lets it be run again after whatever has stopped it, and lets dispatch and ingest go on beside it:
 *
 * 1. Find the events and the rows that they touch. The rows that say which ids are one person's stay until the end, and
 *    events keep their payloads until nothing depends on them, so that a second run finds the same.
 * 2. Take the events' marks away, and park those events that are other people's too: from here on nobody projects them.
 * 3. Remove the rows. Where all events are still there, also those in which others have a share, or the person only a part:
 *    they are made again (4). Where retention has removed events, the person's part is taken out of such a row instead.
 * 4. Project all other events that touch one of these rows, and of the shared ones what will be left of them. Whatever was in a
 *    row when it was removed was committed before, so it is seen; what comes later is dispatched as always.
 * 5. Take payloads and subjects away, then bytes.
 * 6. Remove the rows of the person's ids.
 * 7. Look for what names them still: events of others, for instance of somebody who has the same phone number today, and
 *    what has arrived meanwhile, which is new. Those rows of ids that such events touch are made again.
 * 8. Look into the conditions that operators have typed, with every id that has turned up.
 */
import type { Eraser, ErasureStore } from '../core/erasure.ts';
import type { Projector } from '../core/projection.ts';
import type { Provider } from '../core/provider.ts';
import { eraseBodies } from './erase-bodies.ts';
import { eraseConditions } from './erase-conditions.ts';
import { EraseRows } from './erase-rows.ts';
import { type FoundEvents, findEvents, remainsOf } from './find-events.ts';
import { Person } from './person.ts';
import { projectAgain } from './project-again.ts';
import type { ErasureReport } from './report.ts';
import type { RowSet } from './row-set.ts';

/** Events of one transaction: ingest waits for it if one of them is sent again just then. */
const CHUNK = 200;

export interface EraseOptions {
  readonly store: ErasureStore;
  readonly provider: Provider;
  readonly eraser: Eraser;
  readonly projector: Projector;
  readonly source: string;
  /** One id of the person, as somebody typed it. */
  readonly subject: string;
  /** Counts, and changes nothing. */
  readonly dryRun: boolean;
  readonly onStep: (step: string) => void;
  /** Stops it between two transactions. */
  readonly signal: AbortSignal;
}

interface Work extends EraseOptions {
  readonly person: Person;
  readonly onPage: () => Promise<void>;
}

/**
 * Nobody else may erase or rebuild meanwhile.
 *
 * @throws StoreError, BatchError, or the signal's reason. Run it again then
 */
export async function erasePerson(options: EraseOptions): Promise<ErasureReport> {
  const { store, eraser, source, dryRun, onStep, signal } = options;
  const person = new Person(options.subject, { source, eraser, store });
  const onPage = async () => {
    signal.throwIfAborted();
    if (!dryRun) await store.holdRetention();
  };
  const work: Work = { ...options, person, onPage };
  await onPage();
  const newest = await store.newestRequest();
  onStep('looking for events');
  await person.resolve();
  const found = await findEvents(person, work);
  const rows = new EraseRows(person, { ...work, complete: !(await store.eventsRemoved()) });
  const marks = dryRun ? 0 : await takeFromDispatch(work, found);
  onStep('removing rows of projections');
  await rows.remove(found.touched);
  if (!dryRun) {
    await projectOthers(work, found, rows.again);
    await erasePayloads(work, found);
  }
  onStep('erasing the bytes of requests');
  const bodies = await eraseBodies(person, { ...work, newest });
  onStep('looking at what is left');
  const left = await lookAtRest(work, await rows.removeIds());
  const conditions = await eraseConditions(person, work);
  return {
    source,
    ids: person.count,
    otherIds: person.strangers.size,
    events: { erased: found.own.size, rewritten: found.shared.size },
    marks,
    requests: { erased: bodies.removed, rewritten: bodies.rewritten },
    tables: await rows.counts(),
    left: { events: left.others, requests: bodies.left },
    conditions,
    arrived: dryRun ? 0 : left.own,
  };
}

async function takeFromDispatch({ store, onStep, onPage }: Work, { own, shared }: FoundEvents): Promise<number> {
  onStep('taking events away from dispatch');
  let marks = 0;
  for (const ids of chunks(own)) {
    marks += await store.removeMarks(ids);
    await onPage();
  }
  for (const ids of chunks(shared)) {
    await store.parkEvents(ids);
    await onPage();
  }
  return marks;
}

async function projectOthers(work: Work, { own, shared }: FoundEvents, rows: RowSet): Promise<void> {
  const { store, source, eraser, person, onStep, onPage } = work;
  if (rows.empty) return;
  onStep('projecting the events of others');
  const projector: Projector = {
    tables: work.projector.tables,
    project(event) {
      if (own.has(event.id)) return [];
      const remains = shared.has(event.id) ? eraser.payload(event.payload, person) : 'all';
      if (remains === 'nothing') return [];
      return work.projector.project(remains === 'all' ? event : { ...event, payload: remains.rest });
    },
  };
  for await (const page of store.events(source, null)) {
    await projectAgain(page, { store, provider: work.provider.name, projector, rows });
    await onPage();
  }
}

async function erasePayloads({ store, eraser, person, onStep, onPage }: Work, found: FoundEvents): Promise<void> {
  onStep('erasing events');
  for (const ids of chunks(found.shared)) {
    await store.rewriteEvents(ids, (payload) => eraser.payload(payload, person));
    await onPage();
  }
  for (const ids of chunks(found.own)) {
    await store.rewriteEvents(ids, () => 'nothing');
    await onPage();
  }
}

async function lookAtRest(work: Work, rows: RowSet): Promise<{ own: number; others: number }> {
  const { store, source, person, eraser, dryRun, onPage } = work;
  const left = { own: 0, others: 0 };
  for await (const page of store.events(source, person.about())) {
    for (const event of page) left[remainsOf(event, person, eraser) === 'all' ? 'others' : 'own']++;
    if (!dryRun) await projectAgain(page, { ...work, rows, provider: work.provider.name });
    await onPage();
  }
  return left;
}

function* chunks(ids: ReadonlySet<string>): Generator<readonly string[]> {
  const sorted = [...ids].sort();
  for (let at = 0; at < sorted.length; at += CHUNK) yield sorted.slice(at, at + CHUNK);
}
