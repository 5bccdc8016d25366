/** From a body that the gateway made back to its event; any other is one event `unknown`. */
import type { ParsedEvent } from '../../core/event.ts';
import { isoTime } from '../../core/event-columns.ts';
import { isObject, jsonPath, own, ownAt } from '../../core/json.ts';
import { documentToJsonb } from '../../core/json-print.ts';
import { AUTO_PAUSED, ownKey } from '../../core/own-event.ts';
import type { ParseInput } from '../../core/provider.ts';
import { parseJsonBody } from '../parse-json-body.ts';

const DESTINATION_ID = jsonPath('destination.id');
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function parse({ body }: Pick<ParseInput, 'body'>): readonly ParsedEvent[] {
  return parseJsonBody(body, (document) => {
    const { value } = document;
    if (!isObject(value) || own(value, 'type') !== AUTO_PAUSED) return [];
    const subject = ownAt(value, DESTINATION_ID);
    const occurredAt = isoTime(own(value, 'at'));
    if (typeof subject !== 'string' || !UUID.test(subject) || occurredAt === null) return [];
    const dedupeKey = ownKey(AUTO_PAUSED, subject, occurredAt);
    return [{ type: AUTO_PAUSED, dedupeKey, subject, occurredAt, payload: documentToJsonb(document) }];
  });
}
