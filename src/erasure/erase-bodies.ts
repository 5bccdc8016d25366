/** What becomes of the bytes of requests in which a person is named. */
import type { Eraser, ErasureStore, FoundRequest } from '../core/erasure.ts';
import { readJson } from '../core/json.ts';
import { exactJson } from '../core/json-print.ts';
import type { Provider } from '../core/provider.ts';
import type { Person } from './person.ts';

export interface BodiesOptions {
  readonly store: ErasureStore;
  readonly eraser: Eraser;
  readonly provider: Provider;
  readonly source: string;
  readonly dryRun: boolean;
  /** Id of the last request that is meant: later ones are of events that are kept. Null: none. */
  readonly newest: string | null;
  /** Called for each page. */
  readonly onPage: () => Promise<void>;
}

export interface ErasedBodies {
  readonly removed: number;
  readonly rewritten: number;
  /** Somebody else's, with an id in a text or a contact card. */
  readonly left: number;
}

export async function eraseBodies(person: Person, options: BodiesOptions): Promise<ErasedBodies> {
  const { store, provider, source, dryRun, newest, onPage } = options;
  const count = { removed: 0, rewritten: 0, left: 0 };
  for await (const page of store.requests(source, person.about())) {
    for (const request of page.filter(({ id }) => newest !== null && id <= newest)) {
      const body = await bodyWithout(person, request, options);
      count[body === null ? 'removed' : body === request.body ? 'left' : 'rewritten']++;
      if (dryRun || body === request.body) continue;
      await store.rewriteRequest(request.id, body, provider.signatureHeader);
    }
    await onPage();
  }
  return count;
}

/**
 * Null where nothing of others would be lost with the row: all that they sent stands in the payloads of their events. Also
 * where nothing can be taken out, since the bytes are no JSON, or nested too deep to be written again.
 */
async function bodyWithout(person: Person, request: FoundRequest, options: BodiesOptions): Promise<Buffer | null> {
  const { store, eraser, source } = options;
  let rest: unknown;
  try {
    const remains = eraser.body(readJson(request.body).value, person);
    if (remains === 'all') return request.body;
    if (remains === 'nothing') return null;
    rest = remains.rest;
  } catch {
    return null;
  }
  if (await store.allComplete(source, keysOfOthers(person, request, options))) return null;
  try {
    return Buffer.from(exactJson(rest));
  } catch {
    return null;
  }
}

function keysOfOthers(
  person: Person,
  { id, receivedAt, body }: FoundRequest,
  { eraser, provider }: BodiesOptions,
): string[] {
  const events = provider.parse({ body, requestId: id, receivedAt });
  const others = events.filter(({ payload, subject }) => {
    if (payload === null) return subject === null || !person.all.has(subject);
    return eraser.payload(JSON.parse(payload), person) !== 'nothing';
  });
  return others.map(({ dedupeKey }) => dedupeKey);
}
