/** From a WhatsApp body to its events: per entry, per change, per item. */
import type { ParsedEvent } from '../../core/event.ts';
import { UNKNOWN } from '../../core/event-columns.ts';
import { bodyIdentity, utcHour } from '../../core/identity.ts';
import { asArray, isObject, type JsonDocument, own } from '../../core/json.ts';
import type { ParseInput } from '../../core/provider.ts';
import { parseJsonBody } from '../parse-json-body.ts';
import { type BodyContext, type Entry, originOf, readChange, readEntry } from './change.ts';
import { eventsOfChange } from './fan-out.ts';
import { payloadsOf } from './payload.ts';

/** `object` is not looked at: what fans out is fanned out, whatever the body calls itself. */
export function parse({ body, receivedAt }: ParseInput): readonly ParsedEvent[] {
  return parseJsonBody(body, (document) => eventsOfBody(body, document, receivedAt));
}

function* eventsOfBody(body: Buffer, document: JsonDocument, receivedAt: Date): Generator<ParsedEvent> {
  if (!isObject(document.value)) return;
  const context = {
    identity: bodyIdentity(body, document),
    payloads: payloadsOf(document, body.length),
    hour: utcHour(receivedAt),
  };
  for (const [index, entry] of (asArray(own(document.value, 'entry')) ?? []).entries()) {
    yield* eventsOfEntry(context, entry, `entry/${index}`);
  }
}

function* eventsOfEntry(body: BodyContext, value: unknown, path: string): Generator<ParsedEvent> {
  const entry = readEntry(body, isObject(value) ? value : undefined, path);
  const changes = isObject(value) ? asArray(own(value, 'changes')) : undefined;
  if (changes === undefined || changes.length === 0) {
    yield unknownEvent(entry, undefined, value, path);
    return;
  }
  for (const [index, change] of changes.entries()) yield* eventsOfMember(entry, change, `${path}/changes/${index}`);
}

function* eventsOfMember(entry: Entry, change: unknown, path: string): Generator<ParsedEvent> {
  const field = isObject(change) ? own(change, 'field') : undefined;
  const value = isObject(change) ? own(change, 'value') : undefined;
  if (isObject(value)) yield* eventsOfChange(readChange(entry, field, value, `${path}/value`));
  else yield unknownEvent(entry, field, change, path);
}

/** An entry or change of a shape that Meta does not document. `it`: all of it, so that nothing is lost. */
function unknownEvent(entry: Entry, field: unknown, it: unknown, path: string): ParsedEvent {
  const { identity, payloads } = entry.body;
  return {
    type: UNKNOWN,
    dedupeKey: [UNKNOWN, entry.idPart, identity.sha(it, path), entry.timeOrHour].join(':'),
    subject: null,
    occurredAt: entry.occurredAt,
    payload: payloads.payload([...originOf(entry, field), payloads.print([['value', it]])]),
  };
}
