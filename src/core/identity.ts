/** What dedupe keys are made of: safe parts, hashes of JSON, the hour of arrival. */
import { createHash, hash } from 'node:crypto';
import { ExactNumber, isDeeperThan, type JsonDocument, MAX_DEPTH } from './json.ts';
import { canonicalJson } from './json-print.ts';

/** Stands in a key for what is absent. */
export const ABSENT = '-';

const BODY = 'body';

/** Key of a body that no event could be told from: `body:<SHA-256 of its bytes>`. */
export function bodyKey(body: Buffer): string {
  return `${BODY}:${hash('sha256', body)}`;
}

/** True if the event of that key stands for its whole body. */
export function isBodyKey(dedupeKey: string): boolean {
  return /^body:[0-9a-f]{64}$/.test(dedupeKey);
}

/** UTC hour, for instance `2026-11-20T23`: lets equal notices without id and time count as one for a while, not for ever. */
export function utcHour(time: Date): string {
  return time.toISOString().slice(0, 13);
}

/** Text of a string, decimal text of a number; undefined for everything else. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return JSON.stringify(value);
  return value instanceof ExactNumber ? value.text : undefined;
}

/** The text of what can serve as an id: a non-empty string or a number. */
export function usableText(value: unknown): string | undefined {
  return textOf(value) || undefined;
}

/** What can stand in a key as it is: 1 to 200 bytes of printable ASCII without `:`. */
const SAFE = /^[!-9;-~]{1,200}$/;

/**
 * The keys in which an id that a provider gave stands behind one of these prefixes, as far as the id goes: behind it they end,
 * or go on with `:`.
 */
export function keysOfId(id: string, prefixes: readonly string[]): string[] {
  const part = SAFE.test(id) ? id : hash('sha256', canonicalJson(id));
  // No id, but what the keys of whole bodies begin with: each of them would be found.
  return prefixes.map((prefix) => prefix + part).filter((key) => key !== BODY);
}

/** Makes the parts of the keys of one body. `path`: where the item stands in the body, such as `entry/0/changes/1`. */
export interface BodyIdentity {
  /** SHA-256 (hex) of the canonical JSON of a value. */
  sha(value: unknown, path: string): string;
  /** The value as a part of a key: its text where that is safe as it is, else a hash. */
  part(value: unknown, path: string): string;
}

/**
 * Where the JSON text does not tell values apart (nested too deep to be printed, or bytes that are no UTF-8 and read as
 * U+FFFD), the hash is taken of the body's bytes followed by the path: two different bodies then never share a key.
 */
export function bodyIdentity(body: Buffer, document: JsonDocument): BodyIdentity {
  // Hashed once: a body can hold thousands of such items, and each digest starts from a copy of the state.
  let bytes: ReturnType<typeof createHash> | undefined;
  const ofPlace = (path: string): string => {
    bytes ??= createHash('sha256').update(body);
    return bytes.copy().update(path).digest('hex');
  };
  const sha = (value: unknown, path: string): string => {
    if (document.depth > MAX_DEPTH && isDeeperThan(value, MAX_DEPTH)) return ofPlace(path);
    const text = canonicalJson(value);
    if (document.repaired && text.includes('\uFFFD')) return ofPlace(path);
    return hash('sha256', text);
  };
  const part = (value: unknown, path: string): string => {
    if (value === undefined || value === null) return ABSENT;
    const text = textOf(value);
    return text !== undefined && SAFE.test(text) ? text : sha(value, path);
  };
  return { sha, part };
}
