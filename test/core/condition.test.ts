/** What a condition may say: a fixed list of operators, within limits, and every fault is told with its place. */
import { expect, test } from 'vitest';
import { conditionFaults } from '../../src/core/condition.ts';
import type { JsonObject } from '../../src/core/json.ts';

const nested = (depth: number): JsonObject => (depth === 0 ? { a: 1 } : { $and: [nested(depth - 1)] });

test.each<[string, JsonObject]>([
  ['a value', { a: 1 }],
  ['nothing', {}],
  ['a path', { 'data.object.amount': { $gte: 100, $lt: 1_000 } }],
  ['an object to be equal to', { a: { b: [1, { c: null }] } }],
  ['lists', { a: { $in: [1, 'x', null] }, b: { $nin: [] }, c: { $all: ['x'] } }],
  ['flags and sizes', { a: { $exists: false }, b: { $size: 0 } }],
  ['negation', { a: { $not: { $eq: 'x' } }, b: { $ne: null } }],
  ['elements that are objects', { a: { $elemMatch: { b: 1, $or: [{ c: 2 }, { c: 3 }] } } }],
  ['elements that are values', { a: { $elemMatch: { $gt: 1, $lt: 5 } } }],
  ['queries within queries', { $or: [{ a: 1 }, { $and: [{ b: 2 }, { c: { $eq: 3 } }] }] }],
])('%s', (_, condition) => {
  expect(conditionFaults(condition)).toEqual([]);
});

test.each<[string, JsonObject, string, RegExp]>([
  ['$where', { $where: 'return true' }, '$where', /not supported/],
  ['$where of a field', { a: { $where: 'return true' } }, 'a.$where', /not supported/],
  ['an unknown operator deep down', { $or: [{ a: { $not: { $mod: [2, 0] } } }] }, '$or.0.a.$not.$mod', /not supported/],
  ['$or below a field', { a: { $or: [{ b: 1 }] } }, 'a.$or', /not supported/],
  ['$gt at the top', { $gt: 1 }, '$gt', /not supported/],
  ['operators and members mixed', { a: { $gt: 1, b: 2 } }, 'a.b', /not supported/],
  ['no queries', { $and: [] }, '$and', /at least one/],
  ['no list', { $or: { a: 1 } }, '$or', /list/],
  ['a query that is none', { $or: [1] }, '$or.0', /query/],
  ['$in without a list', { a: { $in: 1 } }, 'a.$in', /list/],
  ['an operator within a value', { a: { $in: [{ $gt: 1 }] } }, 'a.$in.0.$gt', /within a value/],
  ['an operator within an equal value', { a: { b: { $gt: 1 } } }, 'a.b.$gt', /within a value/],
  ['$exists of a number', { a: { $exists: 1 } }, 'a.$exists', /true or false/],
  ['$size of a text', { a: { $size: '1' } }, 'a.$size', /whole number/],
  ['$gt of an object', { a: { $gt: {} } }, 'a.$gt', /number or a text/],
  ['$not of a value', { a: { $not: 1 } }, 'a.$not', /operators/],
  ['$elemMatch of nothing', { a: { $elemMatch: {} } }, 'a.$elemMatch', /query/],
  ['a pattern', { a: { $regex: 'x' } }, 'a.$regex', /not supported/],
  ['an inherited name', { 'a.constructor.name': 'x' }, 'a.constructor.name', /name of a field/],
  ['no name', { 'a..b': 1 }, 'a..b', /name of a field/],
  ['a long name', { ['a'.repeat(201)]: 1 }, 'a'.repeat(201), /name of a field/],
  ['too deep', nested(10), Array(10).fill('$and.0').join('.'), /nested deeper than 10/],
  ['too much', { a: { $in: Array(1_001).fill(1) } }, '', /more than 1000 parts/],
])('%s is refused', (_, condition, path, message) => {
  expect(conditionFaults(condition)).toContainEqual({ path, message: expect.stringMatching(message) });
});

test('what JSON makes of __proto__ is no way out', () => {
  const condition = JSON.parse('{"__proto__": {"$where": "1"}, "a": {"__proto__": {"$where": "1"}}}');
  expect(conditionFaults(condition).map(({ path }) => path)).toEqual(['__proto__', 'a.__proto__']);
});
