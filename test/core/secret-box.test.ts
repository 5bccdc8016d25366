import { describe, expect, it } from 'vitest';
import {
  createSecretBox,
  isEncryptionKey,
  newEncryptionKey,
  SecretBoxError,
  secretHeaderField,
} from '../../src/core/secret-box.ts';

const [OLD, NEW] = [newEncryptionKey(), newEncryptionKey()];
const PLACE = { destinationId: '01900000-0000-7000-8000-00000000000d', field: 'secrets' };

describe('a secret box', () => {
  it.each(['', 'whsec_abc', 'größer als ein Byte €', 'x'.repeat(10_000)])(
    'opens what it has sealed: %.20s',
    (secret) => {
      const box = createSecretBox([NEW]);
      const token = box.seal(secret, PLACE);
      expect(token).toMatch(/^v1\.[0-9a-f]{8}\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+$/);
      expect(box.open(token, PLACE)).toBe(secret);
    },
  );

  it('never makes the same token twice, and shows nothing of the secret or the key in it', () => {
    const box = createSecretBox([NEW]);
    const tokens = Array.from({ length: 100 }, () => box.seal('a-secret-of-the-shop', PLACE));
    expect(new Set(tokens).size).toBe(100);
    for (const shown of ['a-secret', NEW.slice(0, 8), Buffer.from('a-secret-of-the-shop').toString('base64url')]) {
      expect(tokens.join()).not.toContain(shown);
    }
  });

  it('seals with the first key and opens with all', () => {
    const token = createSecretBox([OLD]).seal('secret', PLACE);
    const rolled = createSecretBox([NEW, OLD]);
    expect(rolled.open(token, PLACE)).toBe('secret');
    expect(rolled.isCurrent(token)).toBe(false);
    const anew = rolled.seal('secret', PLACE);
    expect(rolled.isCurrent(anew)).toBe(true);
    expect(createSecretBox([NEW]).open(anew, PLACE)).toBe('secret');
  });

  it('opens nothing in another place than it was sealed for', () => {
    const box = createSecretBox([NEW]);
    const token = box.seal('secret', PLACE);
    const elsewhere = [
      { ...PLACE, destinationId: '01900000-0000-7000-8000-00000000000e' },
      { ...PLACE, field: secretHeaderField('authorization') },
    ];
    for (const place of elsewhere) expect(() => box.open(token, place)).toThrow(/another destination or field/);
    expect(box.open(token, { ...PLACE, destinationId: PLACE.destinationId.toUpperCase() })).toBe('secret');
  });

  it('opens nothing that was altered, bit by bit', () => {
    const box = createSecretBox([NEW]);
    const [version, id, iv = '', rest = ''] = box.seal('secret', PLACE).split('.');
    const bytes = Buffer.from(rest, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const altered = Buffer.from(bytes);
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const token = [version, id, iv, altered.toString('base64url')].join('.');
      expect(() => box.open(token, PLACE), `bit ${bit}`).toThrow(SecretBoxError);
    }
    const short = [version, id, iv, bytes.subarray(0, 15).toString('base64url')].join('.');
    for (const token of [short, `${version}.${id}.${iv}.`, 'whsec_in_plain_text', '']) {
      expect(() => box.open(token, PLACE), token).toThrow(SecretBoxError);
    }
  });

  it('says which key is missing, and how to make one where there is none', () => {
    const token = createSecretBox([OLD]).seal('secret', PLACE);
    const id = token.split('.')[1];
    expect(() => createSecretBox([NEW]).open(token, PLACE)).toThrow(`the key ${id}`);
    const none = createSecretBox([]);
    expect(none.hasKeys).toBe(false);
    expect(() => none.seal('secret', PLACE)).toThrow(/ENCRYPTION_KEYS is not set/);
    expect(() => none.open(token, PLACE)).toThrow(/ENCRYPTION_KEYS is not set/);
  });
});

it.each([
  [NEW, true],
  [NEW.slice(0, -1), false],
  [Buffer.alloc(31).toString('base64'), false],
  [Buffer.alloc(33).toString('base64'), false],
  [Buffer.alloc(32).toString('hex'), false],
  [`${NEW.slice(0, 20)} ${NEW.slice(20)}`, false],
  ['', false],
])('a key is 32 bytes in base64: %s', (text, right) => {
  expect(isEncryptionKey(text)).toBe(right);
});
