/**
 * What a destination's condition may say: a query over the payload in MongoDB's form, with a fixed list of operators. Everything
 * that `sift` knows beyond them, `$where` above all, is refused here, so that a condition can run no code and takes no long time.
 */
import type { RefusalDetail } from './errors.ts';
import { isObject, type JsonObject } from './json.ts';

/** Over several queries; stand beside fields. */
export const QUERY_OPERATORS = ['$and', '$or'] as const;
/** Over the value of a field. */
export const FIELD_OPERATORS = [
  '$eq',
  '$ne',
  '$gt',
  '$gte',
  '$lt',
  '$lte',
  '$in',
  '$nin',
  '$exists',
  '$not',
  '$all',
  '$size',
  '$elemMatch',
] as const;
export type FieldOperator = (typeof FIELD_OPERATORS)[number];

/** Operators, fields and values, all levels together. */
const MAX_PARTS = 1_000;
const MAX_DEPTH = 10;
const MAX_FIELD = 200;

/** What is wrong with it, each with the way there; empty if nothing is. */
export function conditionFaults(condition: JsonObject): readonly RefusalDetail[] {
  const check = new Check();
  check.query(condition, '', 1);
  return check.faults;
}

class Check {
  readonly faults: RefusalDetail[] = [];
  #parts = 0;

  /** Fields and what is asked of them, all of which must hold. */
  query(query: JsonObject, path: string, depth: number): void {
    if (!this.#enter(path, depth)) return;
    for (const [name, value] of Object.entries(query)) {
      const at = joined(path, name);
      if ((QUERY_OPERATORS as readonly string[]).includes(name)) this.#queries(value, at, depth);
      else if (name.startsWith('$')) this.#fail(at, notHere(name, [...QUERY_OPERATORS, 'a field']));
      else if (!isField(name)) this.#fail(at, 'write the name of a field, its levels separated by dots');
      else this.#field(value, at, depth + 1);
    }
  }

  #queries(value: unknown, path: string, depth: number): void {
    if (!Array.isArray(value) || value.length === 0) {
      this.#fail(path, 'write a list of queries, at least one');
      return;
    }
    for (const [index, query] of value.entries()) {
      const at = joined(path, index);
      if (isObject(query)) this.query(query, at, depth + 1);
      else this.#fail(at, 'write a query');
    }
  }

  /** A value that the field must have, or operators. */
  #field(value: unknown, path: string, depth: number): void {
    if (isObject(value) && Object.keys(value).some((name) => name.startsWith('$'))) this.#operators(value, path, depth);
    else this.#value(value, path, depth);
  }

  #operators(operators: JsonObject, path: string, depth: number): void {
    if (!this.#enter(path, depth)) return;
    for (const [name, value] of Object.entries(operators)) {
      const at = joined(path, name);
      if (!(FIELD_OPERATORS as readonly string[]).includes(name)) this.#fail(at, notHere(name, FIELD_OPERATORS));
      else this.#operator(name as FieldOperator, value, at, depth + 1);
    }
  }

  #operator(name: FieldOperator, value: unknown, path: string, depth: number): void {
    switch (name) {
      case '$eq':
      case '$ne':
        this.#value(value, path, depth);
        return;
      case '$in':
      case '$nin':
      case '$all':
        if (Array.isArray(value)) this.#value(value, path, depth);
        else this.#fail(path, 'write a list of values');
        return;
      case '$not':
        if (isObject(value) && Object.keys(value).length > 0) this.#operators(value, path, depth);
        else this.#fail(path, 'write an object of operators');
        return;
      case '$elemMatch':
        this.#elements(value, path, depth);
        return;
      default: {
        const fault = SCALARS[name](value);
        if (fault !== null) this.#fail(path, fault);
      }
    }
  }

  /** Operators if the elements are values, a query if they are objects. */
  #elements(value: unknown, path: string, depth: number): void {
    if (!isObject(value) || Object.keys(value).length === 0) {
      this.#fail(path, 'write a query, or an object of operators');
      return;
    }
    const names: readonly string[] = Object.keys(value);
    if (names.some((name) => (FIELD_OPERATORS as readonly string[]).includes(name))) {
      this.#operators(value, path, depth);
    } else this.query(value, path, depth);
  }

  /** To be equal to. */
  #value(value: unknown, path: string, depth: number): void {
    if (!this.#enter(path, depth)) return;
    if (typeof value !== 'object' || value === null) return;
    for (const [name, member] of Object.entries(value)) {
      const at = joined(path, name);
      if (name.startsWith('$')) this.#fail(at, 'an operator cannot stand within a value');
      else if (name in Object.prototype) this.#fail(at, 'is no name that a value may have');
      else this.#value(member, at, depth + 1);
    }
  }

  #enter(path: string, depth: number): boolean {
    if (depth > MAX_DEPTH) this.#fail(path, `is nested deeper than ${MAX_DEPTH} levels`);
    else if (++this.#parts === MAX_PARTS + 1) this.#fail('', `has more than ${MAX_PARTS} parts`);
    return depth <= MAX_DEPTH && this.#parts <= MAX_PARTS;
  }

  #fail(path: string, message: string): void {
    this.faults.push({ path, message });
  }
}

const number = (value: unknown) => typeof value === 'number' || typeof value === 'string';
const comparable = (value: unknown) => (number(value) ? null : 'write a number or a text');

/** What is wrong with the value of an operator that takes a single one; null: nothing. */
const SCALARS = {
  $gt: comparable,
  $gte: comparable,
  $lt: comparable,
  $lte: comparable,
  $exists: (value: unknown) => (typeof value === 'boolean' ? null : 'write true or false'),
  $size: (value: unknown) => (Number.isSafeInteger(value) && Number(value) >= 0 ? null : 'write a whole number'),
} as const;

/** What every object inherits is no member of a payload. */
function isField(name: string): boolean {
  return name.length <= MAX_FIELD && name.split('.').every((part) => part !== '' && !(part in Object.prototype));
}

function notHere(name: string, allowed: readonly string[]): string {
  return `${name} is not supported here: use one of ${allowed.join(', ')}`;
}

function joined(path: string, name: string | number): string {
  return path === '' ? String(name) : `${path}.${name}`;
}
