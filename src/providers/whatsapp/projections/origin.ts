/** Where an item comes from, and what all rows that it touches have in common. */

import { unixTime } from '../../../core/event-columns.ts';
import { type JsonObject, own } from '../../../core/json.ts';
import type { StoredEvent } from '../../../core/projection.ts';
import { id, objectOr, text } from './columns.ts';
import { stampOf } from './decide.ts';

export interface Origin {
  readonly source: string;
  /** The field of the change, such as `messages`. */
  readonly field: string | null;
  /** The WABA, or the business portfolio for some notices of the account. */
  readonly wabaId: string | null;
  /** As in the dedupe key: the WABA's id, else `-`, where Meta names no phone number. */
  readonly phoneNumberId: string;
  readonly displayPhoneNumber: string | null;
  /** The provider's time of the item. */
  readonly at: Date | null;
  /** The item's identity: the event's dedupe key, with the place in it if the event holds several items. */
  readonly key: string;
}

export function originOf(event: StoredEvent): Origin {
  const { payload } = event;
  const metadata = objectOr(own(payload, 'metadata'));
  const wabaId = id(own(payload, 'entry_id'));
  return {
    source: event.source,
    field: text(own(payload, 'field')),
    wabaId,
    phoneNumberId: id(own(metadata, 'phone_number_id')) ?? wabaId ?? '-',
    displayPhoneNumber: text(own(metadata, 'display_phone_number')),
    at: event.occurredAt,
    key: event.dedupeKey,
  };
}

/** The origin of one of many items of an event: each has its own time. */
export function originOfPart(origin: Origin, item: JsonObject, place: string): Origin {
  return { ...origin, at: unixTime(own(item, 'timestamp')) ?? origin.at, key: `${origin.key}#${place}` };
}

export function stamp({ at, key }: Origin, rank: number): string {
  return stampOf(rank, at, key);
}
