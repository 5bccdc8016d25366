/** One batch into the store, whatever is in it: repeated where that helps, split where a row is at fault. */
import { StoreError } from '../core/errors.ts';
import type { VerifiedRequest } from '../core/event.ts';
import type { EventStore } from '../core/ports.ts';

/** How one request of a batch ended. */
export type Appended =
  /** Committed. `newEvents`: how many of its events were not known before. `parsed`: under the keys of these events. */
  | { readonly ok: true; readonly newEvents: number; readonly parsed: boolean }
  | { readonly ok: false; readonly error: StoreError };

/** A deadlock is broken within a second and seldom comes twice; a limit only so that nothing can repeat for ever. */
const MAX_REPEATS = 5;

/** Told of requests that the database refuses for their data. */
export interface DataFaultListener {
  /** Kept, but without its content: one event `unknown` stands for it. */
  onUnparsed(request: VerifiedRequest, error: StoreError): void;
  /** Not even that could be stored: the provider is told to send it again. */
  onUnstorable(request: VerifiedRequest, error: StoreError): void;
}

/**
 * Appends the batch and tells for each request, in order, how it ended. Never rejects.
 *
 * A fault of the data splits the batch until the culprit stands alone, which is then kept without its content, so that it
 * neither fails its neighbours nor is lost.
 */
export async function appendBatch(
  store: EventStore,
  requests: readonly VerifiedRequest[],
  listener: DataFaultListener,
): Promise<readonly Appended[]> {
  try {
    const fresh = await withRepeats(() => store.append(requests));
    return requests.map(({ events }) => {
      const newEvents = events.filter(({ id }) => fresh.has(id)).length;
      return { ok: true, newEvents, parsed: true };
    });
  } catch (thrown) {
    const error = asStoreError(thrown);
    const [first] = requests;
    if (error.fault !== 'data' || first === undefined) return requests.map(() => ({ ok: false, error }));
    if (requests.length === 1) return [await appendAlone(store, first, error, listener)];
    const middle = requests.length >> 1;
    const left = await appendBatch(store, requests.slice(0, middle), listener);
    const right = await appendBatch(store, requests.slice(middle), listener);
    return [...left, ...right];
  }
}

async function appendAlone(
  store: EventStore,
  request: VerifiedRequest,
  cause: StoreError,
  listener: DataFaultListener,
): Promise<Appended> {
  try {
    const isNew = await withRepeats(() => store.appendUnparsed(request));
    listener.onUnparsed(request, cause);
    return { ok: true, newEvents: isNew ? 1 : 0, parsed: false };
  } catch (thrown) {
    const error = asStoreError(thrown);
    listener.onUnstorable(request, error);
    return { ok: false, error };
  }
}

/** Sending a batch again is harmless even if it had been committed after all: the unique index decides. */
async function withRepeats<T>(attempt: () => Promise<T>): Promise<T> {
  let reconnected = false;
  for (let repeats = 0; ; repeats++) {
    try {
      return await attempt();
    } catch (error) {
      const fault = asStoreError(error).fault;
      const again = (fault === 'contention' && repeats < MAX_REPEATS) || (fault === 'connection_lost' && !reconnected);
      if (!again) throw error;
      reconnected ||= fault === 'connection_lost';
    }
  }
}

/** A store that rejects with anything else has a defect; to the request that means the same as an outage. */
function asStoreError(error: unknown): StoreError {
  return error instanceof StoreError ? error : new StoreError('unavailable', `the store failed (${String(error)})`);
}
