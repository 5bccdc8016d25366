/** From parsed JSON back to text: canonically for hashing, and such that PostgreSQL's jsonb takes it. */
import { ExactNumber, isDeeperThan, type JsonDocument, MAX_DEPTH } from './json.ts';

/**
 * Keys sorted by UTF-16 code unit, no spaces, numbers as `JSON.stringify` prints them or as they were sent.
 * Recurses: only for what is nested no deeper than `MAX_DEPTH`.
 */
export function canonicalJson(value: unknown): string {
  return print(
    value,
    (keys) => keys.sort(),
    ({ text }) => text,
  );
}

/** As it was sent, but for spaces and the spelling of short numbers. Recurses as deep as the value is nested. */
export function exactJson(value: unknown): string {
  return print(
    value,
    (keys) => keys,
    ({ text }) => text,
  );
}

export interface JsonbText {
  readonly text: string;
  /** True if something jsonb refuses was replaced, so that the text does not say exactly what was sent. */
  readonly altered: boolean;
}

/**
 * JSON text that jsonb accepts, for a value of the document; null if more than `room` containers are nested in it.
 * U+0000 and lone surrogates become U+FFFD, numbers beyond PostgreSQL's `numeric` become strings.
 */
export function toJsonb(document: JsonDocument, value: unknown, room = MAX_DEPTH): JsonbText | null {
  if (document.depth > room && isDeeperThan(value, room)) return null;
  let altered = false;
  const number = ({ text }: ExactNumber): string => {
    if (fitsNumeric(text)) return text;
    altered = true;
    return JSON.stringify(text);
  };
  const printed = document.exactNumbers.length === 0 ? JSON.stringify(value) : print(value, (keys) => keys, number);
  const text = printed.includes('\\u') ? replaceUnstorable(printed) : printed;
  altered ||= text !== printed || (document.repaired && text.includes('\uFFFD'));
  return { text, altered };
}

/** The whole document for jsonb: as it was sent where that can be stored, and in any case every digit of its numbers. */
export function documentToJsonb(document: JsonDocument): string | null {
  const asSent = !UNSTORABLE_AS_SENT.test(document.text) && document.exactNumbers.every(fitsNumeric);
  if (asSent && document.depth <= MAX_DEPTH) return markAltered({ text: document.text, altered: document.repaired });
  const jsonb = toJsonb(document, document.value);
  return jsonb === null ? null : markAltered(jsonb);
}

/** Adds `"$altered": true` to an altered text (of jsonb's equal keys the last wins); what is no object gets one around it. */
export function markAltered({ text, altered }: JsonbText): string {
  if (!altered) return text;
  const trimmed = text.trim();
  if (!trimmed.startsWith('{')) return `{"value":${trimmed},"$altered":true}`;
  const members = trimmed.slice(0, -1).trimEnd();
  return `${members}${members === '{' ? '' : ','}"$altered":true}`;
}

const NUMBER = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** PostgreSQL's `numeric`: at most 131,072 digits before the decimal point and 16,383 after it. */
function fitsNumeric(number: string): boolean {
  const [, whole = '', fraction = '', exponent = '0'] = NUMBER.exec(number) ?? [];
  const shift = Number(exponent);
  const leadingZeros = (whole + fraction).search(/[1-9]/);
  const digitsBefore = leadingZeros === -1 ? 0 : whole.length - leadingZeros + shift;
  // The last bound is for zeros: `0e99999999999` is refused, since PostgreSQL reads the exponent into an int.
  return digitsBefore <= 131_072 && fraction.length - shift <= 16_383 && shift < 1_000_000;
}

/** May match an escaped pair of surrogates or an escaped backslash too: then the slower way decides. */
const UNSTORABLE_AS_SENT = /\\u(?:0000|d[89a-f])/i;

/** `JSON.stringify` writes no escape of a surrogate unless it is a lone one. Each backslash is consumed with what it escapes. */
function replaceUnstorable(printed: string): string {
  return printed.replace(/\\(u0000|ud[89a-f][0-9a-f]{2}|.)/g, (escaped, code: string) =>
    code.length > 1 ? '\uFFFD' : escaped,
  );
}

function print(value: unknown, order: (keys: string[]) => string[], number: (value: ExactNumber) => string): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (value instanceof ExactNumber) return number(value);
  if (Array.isArray(value)) return `[${value.map((member) => print(member, order, number)).join(',')}]`;
  const members = value as Record<string, unknown>;
  const printed = order(Object.keys(value)).map(
    (key) => `${JSON.stringify(key)}:${print(members[key], order, number)}`,
  );
  return `{${printed.join(',')}}`;
}
