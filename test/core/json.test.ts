import { describe, expect, it } from 'vitest';
import { asArray, ExactNumber, isDeeperThan, isObject, jsonPath, own, ownAt, readJson } from '../../src/core/json.ts';

const read = (text: string) => readJson(Buffer.from(text));

describe('readJson', () => {
  it('reads what JSON.parse reads', () => {
    const text = ' {"a": [1, -2.5, "x\\"y\\\\", true, null], "b": {"c": "e12345678901234567890"}} ';
    const document = read(text);
    expect(document).toMatchObject({ text, depth: 2, exactNumbers: [], repaired: false });
    expect(document.value).toEqual(JSON.parse(text));
  });

  it.each([
    ['16 digits', '1234567890123456'],
    ['16 digits with a fraction', '-1234567890.123456'],
    ['leading zeros counted', '0.000000000000001'],
    ['an exponent', '1e5'],
    ['a large exponent', '-1.5E+400'],
  ])('keeps a number with %s as it was sent', (_, number) => {
    expect(read(number).value).toEqual(new ExactNumber(number));
    const document = read(`{"n":[${number},{"n":${number}}],"s":"${number}"}`);
    const exact = new ExactNumber(number);
    expect(document.value).toEqual({ n: [exact, { n: exact }], s: number });
    expect(document.exactNumbers).toEqual([number, number]);
  });

  it('makes a double of a number with 15 digits', () => {
    expect(read('[123456789012345,0.25]').value).toEqual([123456789012345, 0.25]);
  });

  it.each([
    '{1234567890123456:1}',
    '[1234567890123456',
    '1234567890123456x',
    '01234567890123456',
    '[--1234567890123456]',
  ])('refuses %s, which is no JSON, though the number in it would be kept', (text) => {
    expect(() => read(text)).toThrow(SyntaxError);
  });

  it.each(['', ' ', '\uFEFF{}', '{"a":1,}', 'undefined', "{'a':1}", '{"a":"\u0001"}'])('refuses %j', (text) => {
    expect(() => read(text)).toThrow(SyntaxError);
  });

  it('lets the last of several equal keys win, exact numbers included', () => {
    expect(read('{"a":1234567890123456,"a":2}').value).toEqual({ a: 2 });
    expect(read('{"a":2,"a":1234567890123456}').value).toEqual({ a: new ExactNumber('1234567890123456') });
  });

  it.each(['{"__proto__":{"polluted":1}}', '{"__proto__":{"polluted":1},"n":[{"__proto__":1234567890123456}]}'])(
    'takes __proto__ for a key like any other: %s',
    (text) => {
      const { value } = read(text);
      if (!isObject(value)) throw new Error('no object');
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
      expect(own(value, '__proto__')).toEqual({ polluted: 1 });
      expect(Reflect.get({}, 'polluted')).toBeUndefined();
    },
  );

  it('says when bytes were no UTF-8, and not when U+FFFD was sent', () => {
    const broken = readJson(Buffer.from([0x22, 0xff, 0x22]));
    expect(broken).toMatchObject({ value: '\uFFFD', repaired: true });
    expect(read('"\uFFFD"').repaired).toBe(false);
  });

  it('counts the depth of containers, not of brackets in strings', () => {
    expect(read('"[[["').depth).toBe(0);
    expect(read('[]').depth).toBe(1);
    expect(read('[{"[":"{\\"[["},[[]],1]').depth).toBe(3);
  });

  it('reads a hundred thousand levels, with and without exact numbers', () => {
    const levels = 100_000;
    const nested = (inner: string) => '[{"a":'.repeat(levels / 2) + inner + '}]'.repeat(levels / 2);
    expect(read(nested('1')).depth).toBe(levels);
    expect(read(nested('1e5')).exactNumbers).toEqual(['1e5']);
  });
});

describe('looking into JSON', () => {
  it('finds own members only', () => {
    const value = { a: { b: 1 } };
    expect(own(value, 'a')).toBe(value.a);
    expect(own(value, 'toString')).toBeUndefined();
    expect(ownAt(value, jsonPath('a.b'))).toBe(1);
    expect(ownAt(value, jsonPath('a.b.c'))).toBeUndefined();
    expect(ownAt(value, jsonPath('constructor.name'))).toBeUndefined();
  });

  it('tells objects from arrays, null and exact numbers', () => {
    expect([{}, Object.create(null)].every(isObject)).toBe(true);
    expect([[], null, 1, 'a', new ExactNumber('1e5'), undefined].some(isObject)).toBe(false);
  });

  it('counts an object as an array of one', () => {
    expect(asArray({ a: 1 })).toEqual([{ a: 1 }]);
    expect(asArray([1])).toEqual([1]);
    expect(['x', null, 5, new ExactNumber('1e5')].map(asArray)).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('measures nesting up to a limit', () => {
    expect(isDeeperThan([[1]], 2)).toBe(false);
    expect(isDeeperThan([{ a: {} }], 2)).toBe(true);
    expect(isDeeperThan(new ExactNumber('1e5'), 0)).toBe(false);
    expect(isDeeperThan(JSON.parse('['.repeat(100_000) + ']'.repeat(100_000)), 200)).toBe(true);
  });
});
