import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { whatsapp } from '../../../src/providers/whatsapp/index.ts';
import { readFixture } from '../../support/fixtures.ts';

const body = readFixture('whatsapp', 'message-text');
const now = new Date('2026-11-20T23:59:59Z');
const sign = (secret: string) => whatsapp.sign({ body, secret, now });

function verify(header: string | undefined, secrets: readonly string[] = ['one'], bytes: Buffer = body) {
  return whatsapp.verify({ body: bytes, header, secrets, now, toleranceSeconds: 300 });
}

describe('the signature', () => {
  it('is right under any of the secrets, and says which', () => {
    expect(verify(sign('one'))).toEqual({ ok: true, secret: 0 });
    expect(verify(sign('two'), ['one', 'two'])).toEqual({ ok: true, secret: 1 });
    expect(verify(sign('three'), ['one', 'two'])).toEqual({ ok: false, reason: 'mismatch' });
  });

  it('covers the bytes with their escapes, not the text they stand for', () => {
    const rewritten = Buffer.from(JSON.stringify(JSON.parse(body.toString())));
    expect(rewritten.equals(body)).toBe(false);
    expect(verify(sign('one'), ['one'], rewritten)).toEqual({ ok: false, reason: 'mismatch' });
  });

  it('no longer holds once a byte has changed', () => {
    fc.assert(
      fc.property(fc.nat(body.length - 1), fc.integer({ min: 1, max: 255 }), (place, flip) => {
        const changed = Buffer.from(body);
        changed.writeUInt8(changed.readUInt8(place) ^ flip, place);
        expect(verify(sign('one'), ['one'], changed)).toEqual({ ok: false, reason: 'mismatch' });
      }),
    );
  });

  it('is made and checked for any bytes and secrets', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.string({ minLength: 1 }), (bytes, secret) => {
        const any = Buffer.from(bytes);
        expect(verify(whatsapp.sign({ body: any, secret, now }), [secret], any)).toEqual({ ok: true, secret: 0 });
      }),
    );
  });
});

describe('the header', () => {
  const good = sign('one');

  it('may be missing', () => {
    expect(verify(undefined)).toEqual({ ok: false, reason: 'missing' });
    expect(whatsapp.checkHeader(undefined)).toBe('missing');
  });

  it.each([
    '',
    'sha256=',
    good.slice(7),
    good.slice(0, -1),
    `${good}0`,
    `${good}, ${good}`,
    `sha1=${good.slice(7)}`,
    ` ${good}`,
    `${good.slice(0, -1)}g`,
  ])('is malformed: %s', (header) => {
    expect(verify(header)).toEqual({ ok: false, reason: 'malformed' });
    expect(whatsapp.checkHeader(header)).toBe('malformed');
  });

  it('is well-formed with any 64 hexadecimal digits, and garbage never is right', () => {
    expect(whatsapp.checkHeader(good)).toBeNull();
    expect(verify(`sha256=${'0'.repeat(64)}`)).toEqual({ ok: false, reason: 'mismatch' });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `sha256=${text}`),
        ),
        (header) => {
          expect(verify(header).ok).toBe(false);
        },
      ),
    );
  });
});
