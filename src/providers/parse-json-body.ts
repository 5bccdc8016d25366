/** What all providers have in common when a verified body becomes events: nothing is refused, nothing is stored twice. */
import type { ParsedEvent } from '../core/event.ts';
import { UNKNOWN } from '../core/event-columns.ts';
import { bodyKey } from '../core/identity.ts';
import { type JsonDocument, readJson } from '../core/json.ts';
import { documentToJsonb } from '../core/json-print.ts';

/**
 * The events that `eventsOf` finds, the first of those with the same key. A body that is not JSON, is more than the engine
 * can hold, or has nothing that could be told apart, is one event `unknown` under the hash of its bytes. Never throws.
 */
export function parseJsonBody(
  body: Buffer,
  eventsOf: (document: JsonDocument) => Iterable<ParsedEvent>,
): readonly ParsedEvent[] {
  try {
    const document = readJson(body);
    const events = new Map<string, ParsedEvent>();
    for (const event of eventsOf(document)) {
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
