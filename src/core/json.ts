/** JSON as a provider sent it: read without losing a digit, looked at without ever reaching a prototype. */
import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { scanJson } from './json-scan.ts';

/** Nothing recurses into JSON deeper than this: a body of 4 MiB can nest millions of arrays. */
export const MAX_DEPTH = 200;

export interface JsonObject {
  readonly [key: string]: unknown;
}

/** A number that is kept as it was sent, since a double would not hold it. A class, so that no object of a body can pass for one. */
export class ExactNumber {
  /** As sent, for instance `12345678901234567890` or `1e400`. */
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export interface JsonDocument {
  readonly text: string;
  /** What `JSON.parse` gives, but for the numbers of 16 or more digits or with an exponent: those are `ExactNumber`. */
  readonly value: unknown;
  /** The most containers inside one another. */
  readonly depth: number;
  /** The numbers kept exactly, as sent. */
  readonly exactNumbers: readonly string[];
  /** True if the bytes were no valid UTF-8: U+FFFD stands where they were not, so that two bodies may read the same. */
  readonly repaired: boolean;
}

/**
 * Reads a body. A byte order mark is no JSON; the last of several equal keys wins; `__proto__` is a key like any other.
 *
 * @throws SyntaxError if the text is not JSON
 */
export function readJson(body: Buffer): JsonDocument {
  const text = body.toString('utf8');
  // Without a reviver V8's parser does not recurse: two million nested arrays are a matter of 0.8 s, not of the stack.
  const value: unknown = JSON.parse(text);
  const { depth, exactNumbers: spans } = scanJson(text);
  const exactNumbers: string[] = [];
  for (let at = 0; at < spans.length; at += 2) exactNumbers.push(text.slice(spans[at], spans[at + 1]));
  return {
    text,
    value: spans.length === 0 ? value : parseExactly(text, spans),
    depth,
    exactNumbers,
    repaired: text.includes('\uFFFD') && !isUtf8(body),
  };
}

/** Each of the numbers becomes a string behind a mark that no body can hold, and after parsing an `ExactNumber`. */
function parseExactly(text: string, spans: readonly number[]): unknown {
  const mark = randomUUID();
  const pieces: string[] = [];
  let done = 0;
  for (let at = 0; at < spans.length; at += 2) {
    const [start, end] = [spans[at], spans[at + 1]];
    pieces.push(text.slice(done, start), `"${mark}${text.slice(start, end)}"`);
    done = end ?? done;
  }
  pieces.push(text.slice(done));
  return restoreNumbers(JSON.parse(pieces.join('')), mark);
}

/** A reviver would do this too, but recurses as deep as the body is nested. */
function restoreNumbers(root: unknown, mark: string): unknown {
  const pending: object[] = [];
  const restored = (value: unknown): unknown => {
    if (typeof value === 'string' && value.startsWith(mark)) return new ExactNumber(value.slice(mark.length));
    if (typeof value === 'object' && value !== null) pending.push(value);
    return value;
  };
  const result = restored(root);
  for (let container = pending.pop(); container !== undefined; container = pending.pop()) {
    if (Array.isArray(container)) {
      for (const [index, value] of container.entries()) container[index] = restored(value);
    } else {
      // Own keys only, hence an assignment to `__proto__` sets the property that JSON.parse made.
      for (const [key, value] of Object.entries(container)) Reflect.set(container, key, restored(value));
    }
  }
  return result;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);
}

/** The member of that name, or undefined: never what an object inherits. */
export function own(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** The names on the way to a member. */
export type JsonPath = readonly string[];

/** `metadata.timestamp` as a path. */
export function jsonPath(names: string): JsonPath {
  return names.split('.');
}

/** The member at the end of a path, or undefined. */
export function ownAt(object: JsonObject, path: JsonPath): unknown {
  let value: unknown = object;
  for (const name of path) value = isObject(value) ? own(value, name) : undefined;
  return value;
}

/** An object where an array is expected counts as an array of one; undefined for what is neither. */
export function asArray(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value;
  return isObject(value) ? [value] : undefined;
}

/** True if more than `limit` containers are nested in one another. Looks no deeper than that. */
export function isDeeperThan(value: unknown, limit: number): boolean {
  if (typeof value !== 'object' || value === null || value instanceof ExactNumber) return false;
  if (limit === 0) return true;
  return Object.values(value).some((member) => isDeeperThan(member, limit - 1));
}
