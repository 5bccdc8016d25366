/** A snapshot event as the projections see it: whose object it shows, and what it says of it. */
import { hash } from 'node:crypto';
import { ABSENT, textOf } from '../../../core/identity.ts';
import { isObject, type JsonObject, own } from '../../../core/json.ts';
import { canonicalJson } from '../../../core/json-print.ts';
import type { StoredEvent } from '../../../core/projection.ts';

/** What one event says of an object. */
export interface SeenEvent {
  /** The event's dedupe key. */
  readonly event: string;
  readonly type: string;
  /** Unix seconds; 0, older than everything, where the event has no plausible time. */
  readonly created: number;
  readonly apiVersion: string | null;
  /** The former values of what the event changed; null where it does not say. */
  readonly previous: JsonObject | null;
  readonly object: JsonObject;
}

export interface Snapshot {
  readonly seen: SeenEvent;
  /** The connected account; `-` for the account that owns the endpoint. */
  readonly account: string;
  /** `true`, `false`, or `-` where the event does not say. Coupons and products can have one id in both modes. */
  readonly livemode: string;
  readonly objectType: string;
  readonly objectId: string;
  /** False if the object has no id of its own, as an upcoming invoice: then `objectId` says whose it is. */
  readonly hasId: boolean;
}

/** @throws Error if the event has no `data.object` */
export function readSnapshot(event: StoredEvent): Snapshot {
  const data = own(event.payload, 'data');
  const object = isObject(data) ? own(data, 'object') : undefined;
  if (!isObject(data) || !isObject(object)) throw new Error('a snapshot event without data.object');
  const previous = own(data, 'previous_attributes');
  const id = referenceOf(object);
  return {
    seen: {
      event: event.dedupeKey,
      type: event.type,
      created: event.occurredAt === null ? 0 : Math.floor(event.occurredAt.getTime() / 1000),
      apiVersion: textOf(own(event.payload, 'api_version')) ?? null,
      previous: isObject(previous) ? previous : null,
      object,
    },
    account: keyPart(own(event.payload, 'account')),
    livemode: modeOf(event.payload),
    objectType: keyPart(own(object, 'object')),
    objectId: id ?? ownerOf(object),
    hasId: id !== null,
  };
}

/** `true`, `false`, or `-`. */
export function modeOf(payload: JsonObject): string {
  const livemode = own(payload, 'livemode');
  return typeof livemode === 'boolean' ? String(livemode) : ABSENT;
}

/** The value as text of a key: itself where that is 1 to 200 bytes of printable ASCII without `:`, else its hash. */
export function keyPart(value: unknown): string {
  if (value === undefined || value === null || value === '') return ABSENT;
  const text = textOf(value);
  return text !== undefined && /^[!-9;-~]{1,200}$/.test(text) ? text : hash('sha256', canonicalJson(value));
}

/** The id that stands here, or that of the object that was expanded in its place; as in keys, so that it can be joined. */
export function referenceOf(value: unknown): string | null {
  const id = isObject(value) ? own(value, 'id') : value;
  return id === undefined || id === null || id === '' ? null : keyPart(id);
}

/** No real id begins so: `-:<customer>`, and `:<subscription>` where there is one; `-` for what an account has once, as its balance. */
function ownerOf(object: JsonObject): string {
  const owners = ['customer', 'subscription'].map((name) => referenceOf(own(object, name)));
  return [ABSENT, ...owners.filter((owner) => owner !== null)].join(':');
}
