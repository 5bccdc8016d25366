/** From a Stripe body to its event: one body, one event. */
import type { ParsedEvent } from '../../core/event.ts';
import { isoTime, subjectOf, typeName, unixTime } from '../../core/event-columns.ts';
import { bodyIdentity, bodyKey } from '../../core/identity.ts';
import { isObject, type JsonDocument, type JsonObject, jsonPath, own, ownAt } from '../../core/json.ts';
import { documentToJsonb } from '../../core/json-print.ts';
import type { ParseInput } from '../../core/provider.ts';
import { parseJsonBody } from '../parse-json-body.ts';

/** Id of everything that the dashboard's test button sends: an operator who clicks twice wants to see it twice. */
const PLACEHOLDER_ID = /^evt_0+$/;

const SUBJECT = ['data.object.id', 'related_object.id'].map(jsonPath);

export function parse(input: ParseInput): readonly ParsedEvent[] {
  return parseJsonBody(input.body, (document) =>
    isObject(document.value) ? [read(input, document, document.value)] : [],
  );
}

function read(input: ParseInput, document: JsonDocument, event: JsonObject): ParsedEvent {
  const created = own(event, 'created');
  return {
    type: typeName(own(event, 'type')),
    dedupeKey: dedupeKey(input, document, event),
    subject: subjectOf(SUBJECT.map((path) => ownAt(event, path))),
    // Seconds in snapshot events, ISO 8601 in thin ones.
    occurredAt: unixTime(created) ?? isoTime(created),
    payload: documentToJsonb(document),
  };
}

/**
 * The id, and whose event it is: on a Connect endpoint the id alone does not say that. Nothing else of the body, for
 * `pending_webhooks` differs between deliveries of one event, and `created` is shared by different events.
 */
function dedupeKey({ body, requestId }: ParseInput, document: JsonDocument, event: JsonObject): string {
  const id = own(event, 'id');
  if (typeof id !== 'string' || id === '') return bodyKey(body);
  const { part } = bodyIdentity(body, document);
  const parts = [part(id, 'id')];
  const owner = ownerOf(event);
  if (owner !== undefined && owner !== null) parts.push(part(owner, 'owner'));
  if (PLACEHOLDER_ID.test(id)) parts.push(part(requestId, 'request'));
  return parts.join(':');
}

/** In snapshot events `context` is ignored: since 2025-04-30 it travels together with `account`. */
function ownerOf(event: JsonObject): unknown {
  const object = own(event, 'object');
  if (object === 'event') return own(event, 'account');
  const context = object === 'v2.core.event' ? own(event, 'context') : undefined;
  return typeof context === 'string' ? context : undefined;
}
