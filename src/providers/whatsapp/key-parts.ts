/** The words in which the table of rules says what a dedupe key consists of. */
import { usableText } from '../../core/identity.ts';
import { asArray, isObject, type JsonObject, jsonPath, own, ownAt } from '../../core/json.ts';
import type { Item } from './change.ts';

/** One part of a key; undefined where it is left out. */
export type KeyPart = (item: Item) => string | undefined;

export function word(text: string): KeyPart {
  return () => text;
}

/** A field of the item; `-` without it. */
export function of(name: string): KeyPart {
  return (item) => safe(item, own(item.fields, name));
}

/** The first of these fields that is there; `-` without any. */
export function firstOf(...names: readonly string[]): KeyPart {
  return (item) => safe(item, names.map((name) => own(item.fields, name)).find(isPresent));
}

/** The item's own id; what has none is told apart by its content. */
export const id: KeyPart = (item) => {
  const value = own(item.fields, 'id');
  return usableText(value) === undefined ? content(item) : safe(item, value);
};

/** SHA-256 of the item. */
export const content: KeyPart = (item) => item.change.entry.body.identity.sha(item.member, item.path);

/** SHA-256 of the whole `value`, since equal errors may stand in different company; of the member itself if it is no object. */
export const surroundings: KeyPart = (item) => (isObject(item.member) ? item.change.valueSha() : content(item));

export const position: KeyPart = (item) => String(item.position);

export const phone: KeyPart = (item) => item.change.phonePart;

export const field: KeyPart = (item) => item.change.fieldPart;

export const entryId: KeyPart = (item) => item.change.entry.idPart;

export const entryTimeOrHour: KeyPart = (item) => item.change.entry.timeOrHour;

/** Where the element says itself when it happened, or which chunk it is, the hour of arrival must not split it into two. */
export const entryTimeUnlessOwn: KeyPart = (item) => {
  const { entry } = item.change;
  if (entry.hasTime) return entry.timePart;
  const hasOwn = OWN_TIME.some((path) => isPresent(ownAt(item.fields, path)));
  return hasOwn ? entry.timePart : entry.body.hour;
};
const OWN_TIME = ['timestamp', 'metadata.timestamp', 'metadata.phase', 'metadata.chunk_order'].map(jsonPath);

/**
 * For items whose real content may follow under the same id: what Meta could not hand over at first (`unsupported`,
 * `unknown`, anything with errors) and the media of a chat history. Left out for all others.
 */
export const typeIfProvisional: KeyPart = (item) =>
  isProvisional(item.fields) ? safe(item, own(item.fields, 'type')) : undefined;

export function isProvisional(message: JsonObject): boolean {
  const type = own(message, 'type');
  const failed = (asArray(own(message, 'errors')) ?? []).length > 0;
  return failed || (typeof type === 'string' && PROVISIONAL_TYPES.has(type));
}
const PROVISIONAL_TYPES = new Set(['unsupported', 'unknown', 'media_placeholder']);

/** A payment (India) passes through several states under one id and one status. Left out for all other statuses. */
export const payment: KeyPart = (item) => {
  if (own(item.fields, 'type') !== 'payment') return undefined;
  const value = own(item.fields, 'payment');
  return isPresent(value) ? item.change.entry.body.identity.sha(value, item.path) : safe(item, value);
};

function safe(item: Item, value: unknown): string {
  return item.change.entry.body.identity.part(value, item.path);
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}
