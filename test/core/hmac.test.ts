import { expect, it } from 'vitest';
import { decodeDigest, hmacSha256, isOneOf, matchingSecret } from '../../src/core/hmac.ts';

it('computes HMAC-SHA256 over several parts as over one', () => {
  // RFC 4231, test case 2.
  const expected = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';
  expect(hmacSha256('Jefe', ['what do ya want ', Buffer.from('for nothing?')]).toString('hex')).toBe(expected);
});

it('reads a digest of exactly 64 hexadecimal digits', () => {
  expect(decodeDigest('0a'.repeat(32))).toEqual(Buffer.alloc(32, 10));
  expect(decodeDigest('0A'.repeat(32))).toEqual(Buffer.alloc(32, 10));
  for (const odd of [
    '',
    '0a'.repeat(31),
    '0a'.repeat(33),
    `${'0a'.repeat(31)}0g`,
    ` ${'0a'.repeat(32)}`,
    `${'0a'.repeat(32)}\n`,
  ]) {
    expect(decodeDigest(odd)).toBeNull();
  }
});

it('finds the position of the secret that signed', () => {
  const signed = ['x'];
  const by = (secret: string) => hmacSha256(secret, signed);
  expect(matchingSecret(['a', 'b'], [by('b')], signed)).toBe(1);
  expect(matchingSecret(['a', 'b'], [by('c'), by('b'), by('a')], signed)).toBe(0);
  expect(matchingSecret(['a', 'b'], [by('c')], signed)).toBeNull();
  expect(matchingSecret([], [by('a')], signed)).toBeNull();
});

it('never takes an empty secret or token', () => {
  expect(matchingSecret(['', 'a'], [hmacSha256('', ['x'])], ['x'])).toBeNull();
  expect(isOneOf('', ['', 'a'])).toBe(false);
});

it('compares tokens whole', () => {
  expect(isOneOf('b', ['a', 'b'])).toBe(true);
  expect(isOneOf('é', ['é'])).toBe(true);
  for (const odd of ['c', 'ab', 'B', 'b ']) expect(isOneOf(odd, ['a', 'b'])).toBe(false);
});
