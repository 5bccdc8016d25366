import { describe, expect, it } from 'vitest';
import { bodyIdentity, bodyKey, keysOfId, textOf, usableText, utcHour } from '../../src/core/identity.ts';
import { ExactNumber, readJson } from '../../src/core/json.ts';
import { expectedSha, sha256 } from '../providers/expected-sha.ts';

function identityOf(text: string | Buffer) {
  const body = Buffer.from(text);
  const document = readJson(body);
  return { body, value: document.value, ...bodyIdentity(body, document) };
}

describe('parts of a key', () => {
  const { part } = identityOf('{}');

  it.each([
    ['wamid.HBgL=+/<>[]', 'wamid.HBgL=+/<>[]'],
    ['~'.repeat(200), '~'.repeat(200)],
    [1763600400, '1763600400'],
    [new ExactNumber('12345678901234567890'), '12345678901234567890'],
    [undefined, '-'],
    [null, '-'],
  ])('%j is %s', (value, expected) => {
    expect(part(value, 'p')).toBe(expected);
  });

  it.each([
    '',
    'a:b',
    'a b',
    'é',
    'a\u007f',
    'a\n',
    '\ud800',
    'x'.repeat(201),
    'x'.repeat(20_000),
    true,
    [],
    { b: 1, a: 2 },
  ])('%j is replaced by the hash of its JSON text', (value) => {
    expect(part(value, 'p')).toBe(expectedSha(value));
  });
});

describe('the hash of an item', () => {
  it('is that of its canonical JSON', () => {
    const { sha, value } = identityOf('{"b":[1.0,"é"],"a":12345678901234567890}');
    expect(sha(value, 'p')).toBe(sha256('{"a":12345678901234567890,"b":[1,"é"]}'));
  });

  it('is that of the bytes and the path where the item is nested deeper than 200', () => {
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
    const deep = identityOf(nested(201));
    expect(deep.sha(deep.value, 'entry/0')).toBe(sha256(deep.body, 'entry/0'));
    const beside = identityOf(`[${nested(300)},"x"]`);
    expect(beside.sha('x', 'entry/0')).toBe(expectedSha('x'));
    const shallow = identityOf(nested(200));
    expect(shallow.sha(shallow.value, 'entry/0')).toBe(sha256(nested(200)));
  });

  it('is that of the bytes and the path where bytes that are no UTF-8 would read the same', () => {
    const [one, other] = ['["\xfe",1]', '["\xff",1]'].map((text) => identityOf(Buffer.from(text, 'latin1')));
    if (one === undefined || other === undefined) throw new Error('two bodies');
    expect(one.value).toEqual(other.value);
    expect(one.sha(one.value, 'a')).toBe(sha256(one.body, 'a'));
    expect(one.sha(one.value, 'a')).not.toBe(other.sha(other.value, 'a'));
    expect(one.part('\uFFFD', 'a')).not.toBe(other.part('\uFFFD', 'a'));
    expect(one.sha(1, 'a')).toBe(other.sha(1, 'a'));
  });
});

it('tells usable ids from others', () => {
  expect(['a', 5, 0, new ExactNumber('1e5')].map(usableText)).toEqual(['a', '5', '0', '1e5']);
  expect(['', {}, [], true, null, undefined].map(usableText)).toEqual(Array(6).fill(undefined));
  expect(textOf('')).toBe('');
});

it('names a body by its bytes and an hour by UTC', () => {
  expect(bodyKey(Buffer.from('x'))).toBe(`body:${sha256('x')}`);
  expect(utcHour(new Date('2026-11-21T01:59:59.999+02:00'))).toBe('2026-11-20T23');
});

describe('the keys of an id', () => {
  const PREFIXES = ['', 'message:'];

  it.each(['evt_1', 'wamid.HBgL=+/%_', 'a:b', 'é', 'a b', '~'.repeat(201)])('begin as those of %s do', (text) => {
    const { part } = identityOf('{}');
    expect(keysOfId(text, PREFIXES)).toEqual([part(text, 'p'), `message:${part(text, 'p')}`]);
  });

  it('are not those of every body', () => {
    expect(keysOfId('body', PREFIXES)).toEqual(['message:body']);
  });
});
