/** The places of a WhatsApp body: entry, change, and the members of the arrays in a change's `value`. */

import { unixTime } from '../../core/event-columns.ts';
import { type BodyIdentity, usableText } from '../../core/identity.ts';
import { isObject, type JsonObject, own } from '../../core/json.ts';
import type { Part, Payloads } from './payload.ts';

/** What all events of one body share. */
export interface BodyContext {
  readonly identity: BodyIdentity;
  readonly payloads: Payloads;
  /** UTC hour of arrival. */
  readonly hour: string;
}

/**
 * An account (WABA) or business portfolio, with what happened there. What its changes and items need of it is made once:
 * an id of a million characters is hashed and printed once, not once for each of a thousand items.
 */
export interface Entry {
  readonly body: BodyContext;
  readonly idPart: string;
  /** `entry.time`, else the hour of arrival. */
  readonly timeOrHour: string;
  /** `entry.time`, else `-`. */
  readonly timePart: string;
  readonly hasTime: boolean;
  /** `entry.time` for events that say nothing themselves; null where it is absent or absurd. */
  readonly occurredAt: Date | null;
  /** `entry_id` and `entry_time` of the payloads. */
  readonly printed: Part;
}

export interface Change {
  readonly entry: Entry;
  readonly field: unknown;
  readonly fieldPart: string;
  /** Where an event comes from: the beginning of every payload. */
  readonly origin: readonly Part[];
  readonly value: JsonObject;
  /** Where `value` stands in the body. */
  readonly path: string;
  /** SHA-256 of `value`; computed once, for it is a part of the key of each of a thousand errors. */
  valueSha(): string;
  /** Phone number id, else the entry's: the same wamid may be told to two numbers. */
  readonly phonePart: string;
}

/** A member of an array of `value`: one message, one status, ... */
export interface Item {
  readonly change: Change;
  readonly member: unknown;
  /** The member's own fields; none if it is no object. */
  readonly fields: JsonObject;
  readonly position: number;
  readonly path: string;
}

/** `entry`: undefined where the member of `entry[]` is no object. */
export function readEntry(body: BodyContext, entry: JsonObject | undefined, path: string): Entry {
  const [id, time] = entry === undefined ? [] : [own(entry, 'id'), own(entry, 'time')];
  const timePart = body.identity.part(time, path);
  const hasTime = time !== undefined && time !== null;
  return {
    body,
    idPart: body.identity.part(id, path),
    timeOrHour: hasTime ? timePart : body.hour,
    timePart,
    hasTime,
    occurredAt: unixTime(time),
    printed: body.payloads.print([
      ['entry_id', id ?? null],
      ['entry_time', time ?? undefined],
    ]),
  };
}

/** The beginning of every payload of a change: its field, and what its entry says. */
export function originOf(entry: Entry, field: unknown): readonly Part[] {
  return [entry.body.payloads.print([['field', field ?? null]]), entry.printed];
}

export function readChange(entry: Entry, field: unknown, value: JsonObject, path: string): Change {
  const { identity } = entry.body;
  const metadata = own(value, 'metadata');
  const phone = isObject(metadata) ? own(metadata, 'phone_number_id') : undefined;
  let valueSha: string | undefined;
  return {
    entry,
    field,
    fieldPart: identity.part(field, path),
    origin: originOf(entry, field),
    value,
    path,
    valueSha() {
      valueSha ??= identity.sha(value, path);
      return valueSha;
    },
    phonePart: usableText(phone) === undefined ? entry.idPart : identity.part(phone, path),
  };
}

const NO_FIELDS: JsonObject = Object.create(null);

export function readItem(change: Change, array: string, member: unknown, position: number): Item {
  return {
    change,
    member,
    fields: isObject(member) ? member : NO_FIELDS,
    position,
    path: `${change.path}/${array}/${position}`,
  };
}
