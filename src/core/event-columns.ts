/** What a body says about an event, made safe for the columns of `events`. */
import { textOf, usableText } from './identity.ts';

/** Type of an event that the body does not name. */
export const UNKNOWN = 'unknown';

/** The variable part of a type. Anything but 1 to 100 of the characters that providers use is `unknown`. */
export function typeName(value: unknown): string {
  return typeof value === 'string' && /^[A-Za-z0-9_.[\]-]{1,100}$/.test(value) ? value : UNKNOWN;
}

const SUBJECT_MAX_BYTES = 200;

/** The first that is a non-empty string or a number, if it can be stored: 200 bytes, well-formed, without U+0000. */
export function subjectOf(candidates: Iterable<unknown>): string | null {
  for (const candidate of candidates) {
    const text = usableText(candidate);
    if (text === undefined) continue;
    const storable =
      Buffer.byteLength(text) <= SUBJECT_MAX_BYTES && !text.includes('\0') && !/\p{Surrogate}/u.test(text);
    return storable ? text : null;
  }
  return null;
}

/** `Number` reads every digit: of a megabyte of them in each of many events, seconds. No plausible time needs so many. */
const NUMBER_MAX_LENGTH = 40;

const EARLIEST = Date.UTC(2000, 0, 1);
const LATEST = Date.UTC(2100, 0, 1);

/** A time in Unix seconds, sent as a number or as decimal text; null where it is absent, absurd or written in more than 40 characters. */
export function unixTime(value: unknown): Date | null {
  const text = textOf(value);
  if (text === undefined || text.length > NUMBER_MAX_LENGTH) return null;
  // Text may be digits only; a number may be written with a fraction or an exponent.
  if (typeof value === 'string' && !/^\d{1,15}(?:\.\d{1,9})?$/.test(text)) return null;
  return plausible(Number(text) * 1000);
}

/** A time such as `2026-11-20T23:59:59.123Z`; null where it is absent, absurd or without a zone. */
export function isoTime(value: unknown): Date | null {
  const form = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/;
  return typeof value === 'string' && form.test(value) ? plausible(Date.parse(value)) : null;
}

function plausible(milliseconds: number): Date | null {
  return milliseconds >= EARLIEST && milliseconds <= LATEST ? new Date(milliseconds) : null;
}
