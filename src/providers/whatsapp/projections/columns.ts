/** Members of a payload as values of columns. What is not of the expected kind is null, never an error: the event keeps it. */
import { hash } from 'node:crypto';
import { textOf, usableText } from '../../../core/identity.ts';
import { isObject, type JsonObject } from '../../../core/json.ts';
import { canonicalJson } from '../../../core/json-print.ts';
import type { ProjectionRow } from '../../../core/projection.ts';

const NO_MEMBERS: JsonObject = Object.freeze(Object.create(null));

/** The value if it is an object, else one without members. */
export function objectOr(value: unknown): JsonObject {
  return isObject(value) ? value : NO_MEMBERS;
}

/** Text, or a number's decimal text. */
export function text(value: unknown): string | null {
  return textOf(value) ?? null;
}

/**
 * An id as it stands in keys, and in whatever is joined with them, by the rule for the parts of dedupe keys: its text where
 * that is 1 to 200 bytes of printable ASCII without `:`, else the SHA-256 (hex) of its JSON. Null for what is no id.
 */
export function id(value: unknown): string | null {
  const usable = usableText(value);
  if (usable === undefined) return null;
  return /^[!-9;-~]{1,200}$/.test(usable) ? usable : hash('sha256', canonicalJson(value));
}

/** The hash that stands for an item without an id. */
export function contentId(item: JsonObject): string {
  return hash('sha256', canonicalJson(item));
}

/** A whole number that a double holds exactly, sent as a number or as decimal text. */
export function wholeNumber(value: unknown): number | null {
  const digits = textOf(value);
  if (digits === undefined || !/^-?\d{1,16}$/.test(digits)) return null;
  return Number.isSafeInteger(Number(digits)) ? Number(digits) : null;
}

export function flag(value: unknown): boolean | null {
  return typeof value === 'boolean' ? value : null;
}

/** For jsonb columns: as it was sent. */
export function json(value: unknown): unknown {
  return value ?? null;
}

/** A time that a column of a row holds. */
export function timeIn(row: ProjectionRow, column: string): Date | null {
  const value = row[column];
  return value instanceof Date ? value : null;
}

export function earliest(one: Date | null, other: Date | null): Date | null {
  if (one === null || other === null) return one ?? other;
  return one <= other ? one : other;
}

export function latest(one: Date | null, other: Date | null): Date | null {
  if (one === null || other === null) return one ?? other;
  return one >= other ? one : other;
}
