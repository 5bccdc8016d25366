/** What all providers have in common when a verified body becomes events: nothing is refused, nothing is stored twice. */
import type { ParsedEvent } from '../core/event.ts';
import { UNKNOWN } from '../core/event-columns.ts';
import { bodyKey } from '../core/identity.ts';
import { type JsonDocument, readJson } from '../core/json.ts';
import { documentToJsonb } from '../core/json-print.ts';

/**
 * The most events that a body may be taken apart into, equal ones included. Meta's maximum is 1,000 updates a body
 * (https://developers.facebook.com/docs/graph-api/webhooks/getting-started): twenty times that is no webhook but an attack
 * or a defect, and hundreds of thousands of rows of one body would never be committed before the answer is due.
 */
export const MAX_EVENTS = 20_000;

/**
 * The events that `eventsOf` finds, the first of those with the same key. A body that is not JSON, is more than the engine
 * can hold, has nothing that could be told apart, or has more than `MAX_EVENTS` (no further ones are asked for), is one
 * event `unknown` under the hash of its bytes, which are kept whole. Never throws.
 */
export function parseJsonBody(
  body: Buffer,
  eventsOf: (document: JsonDocument) => Iterable<ParsedEvent>,
): readonly ParsedEvent[] {
  try {
    const document = readJson(body);
    const events = new Map<string, ParsedEvent>();
    let found = 0;
    for (const event of eventsOf(document)) {
      found++;
      if (found > MAX_EVENTS) return [unknownBody(body, null)];
      if (!events.has(event.dedupeKey)) events.set(event.dedupeKey, event);
    }
    return events.size > 0 ? [...events.values()] : [unknownBody(body, documentToJsonb(document))];
  } catch {
    // A SyntaxError, or a RangeError of the engine. What goes wrong here must not cost the body: its bytes are kept.
    return [unknownBody(body, null)];
  }
}

function unknownBody(body: Buffer, payload: string | null): ParsedEvent {
  return { type: UNKNOWN, dedupeKey: bodyKey(body), subject: null, occurredAt: null, payload };
}
