import { expect, it } from 'vitest';
import { isoTime, subjectOf, typeName, unixTime } from '../../src/core/event-columns.ts';
import { ExactNumber } from '../../src/core/json.ts';

it('takes type names made of the characters that providers use', () => {
  const names = ['text', 'v2.core.account[requirements].updated', 'a_B-9', 'x'.repeat(100)];
  expect(names.map(typeName)).toEqual(names);
  for (const odd of ['', 'x'.repeat(101), 'a b', 'a\n', 'é', 'a:b', 5, null, undefined, {}, ['a']]) {
    expect(typeName(odd)).toBe('unknown');
  }
});

it('takes the first usable subject, if it can be stored', () => {
  expect(subjectOf([undefined, '', null, {}, '4930', 'later'])).toBe('4930');
  expect(subjectOf([16505551234])).toBe('16505551234');
  expect(subjectOf([new ExactNumber('12345678901234567890')])).toBe('12345678901234567890');
  expect(subjectOf(['é'.repeat(100)])).toBe('é'.repeat(100));
  expect(subjectOf(['🙂'])).toBe('🙂');
  for (const odd of ['é'.repeat(101), 'a\0b', '\ud800', 'x'.repeat(201)]) expect(subjectOf([odd, 'later'])).toBeNull();
  expect(subjectOf([])).toBeNull();
});

it.each([
  ['1763600400', '2025-11-20T01:00:00.000Z'],
  [1763600400, '2025-11-20T01:00:00.000Z'],
  [1763600400.25, '2025-11-20T01:00:00.250Z'],
  [new ExactNumber('1.7636004e9'), '2025-11-20T01:00:00.000Z'],
  [new ExactNumber(`1763600400.${'0'.repeat(29)}`), '2025-11-20T01:00:00.000Z'],
  [946684800, '2000-01-01T00:00:00.000Z'],
  [4102444800, '2100-01-01T00:00:00.000Z'],
])('reads Unix seconds %j', (value, expected) => {
  expect(unixTime(value)?.toISOString()).toBe(expected);
});

it.each([
  946684799,
  4102444801,
  1763600400000,
  -1,
  '',
  ' 1763600400',
  '0x10',
  '1e9',
  'TIMESTAMP',
  true,
  null,
  undefined,
  {},
  new ExactNumber('1e400'),
  new ExactNumber(`1763600400.${'0'.repeat(30)}`),
  new ExactNumber('1'.repeat(1_000_000)),
])('has no time for the seconds %j', (value) => {
  expect(unixTime(value)).toBeNull();
});

it('reads ISO 8601 with a zone', () => {
  expect(isoTime('2025-11-20T01:00:00.330Z')?.toISOString()).toBe('2025-11-20T01:00:00.330Z');
  expect(isoTime('2025-11-20T01:00:00+02:00')?.toISOString()).toBe('2025-11-19T23:00:00.000Z');
  for (const odd of [
    '2025-11-20T01:00:00',
    '2025-11-20',
    '2025-13-41T01:00:00Z',
    '1999-12-31T23:59:59Z',
    'x',
    5,
    null,
  ]) {
    expect(isoTime(odd)).toBeNull();
  }
});
