/** A batch writer on a stand-in store, and requests to submit to it. */
import type { StoreError } from '../../src/core/errors.ts';
import type { VerifiedRequest } from '../../src/core/event.ts';
import type { EventStore } from '../../src/core/ports.ts';
import { BatchWriter, type BatchWriterOptions } from '../../src/ingest/batch-writer.ts';
import { createMemorySeenStore } from '../../src/storage/memory/seen-store.ts';

let sequence = 0;
/** A verified request of one event, unless told otherwise. */
export function request(overrides: { events?: number; bytes?: number; key?: string } = {}): VerifiedRequest {
  const id = `request-${++sequence}`;
  const events = Array.from({ length: overrides.events ?? 1 }, (_, index) => ({
    id: `${id}-event-${index}`,
    source: 'stripe',
    type: 'a.b',
    dedupeKey: overrides.key ?? `${id}:${index}`,
    subject: null,
    occurredAt: null,
    payload: null,
  }));
  const body = Buffer.alloc(overrides.bytes ?? 10);
  return { id, source: 'stripe', provider: 'stripe', receivedAt: new Date(), headers: {}, body, secret: 0, events };
}

export interface Flight {
  readonly requests: readonly VerifiedRequest[];
  commit(): void;
  fail(error: StoreError): void;
}

/** A store whose statements stay under way until the test decides. */
export function heldStore(): EventStore & { flights: Flight[] } {
  const flights: Flight[] = [];
  return {
    flights,
    append: (requests) =>
      new Promise((resolve, reject) => {
        const ids = new Set(requests.flatMap(({ events }) => events.map(({ id }) => id)));
        flights.push({ requests, commit: () => resolve(ids), fail: reject });
      }),
    appendUnparsed: () => Promise.resolve(true),
  };
}

export function writerOn(store: EventStore, options: Partial<BatchWriterOptions> = {}): BatchWriter {
  return new BatchWriter({
    store,
    seen: createMemorySeenStore({ ttlSeconds: 60 }),
    maxRequests: 100,
    flights: 2,
    commitTimeoutMs: 60_000,
    onBatch: () => undefined,
    onLate: () => undefined,
    dataFaults: { onUnparsed: () => undefined, onUnstorable: () => undefined },
    ...options,
  });
}

export const noLease = { release: () => undefined };
export const sizes = (flights: readonly Flight[]) => flights.map(({ requests }) => requests.length);
