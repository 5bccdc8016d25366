import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hmacSha256 } from '../../../src/core/hmac.ts';
import { stripe } from '../../../src/providers/stripe/index.ts';
import { readFixture } from '../../support/fixtures.ts';

const body = readFixture('stripe', 'payment-intent-succeeded');
const secret = 'whsec_one';
const signedAt = 1_763_600_400;
const at = (seconds: number) => new Date(seconds * 1000);
const hex = (bySecret: string, time: string | number = signedAt) =>
  hmacSha256(bySecret, [`${time}.`, body]).toString('hex');

function verify(header: string | undefined, options: { now?: Date; secrets?: readonly string[]; body?: Buffer } = {}) {
  const { now = at(signedAt), secrets = [secret] } = options;
  return stripe.verify({ body: options.body ?? body, header, secrets, now, toleranceSeconds: 300 });
}

describe('the signature', () => {
  it('is right if one v1 of the header matches one secret', () => {
    expect(verify(`t=${signedAt},v1=${hex(secret)}`)).toEqual({ ok: true, secret: 0 });
    expect(verify(`t=${signedAt},v1=${hex('other')},v1=${hex(secret)}`, { secrets: ['new', secret] })).toEqual({
      ok: true,
      secret: 1,
    });
    expect(verify(`v1=${hex(secret)}, t=${signedAt}, v9=x`)).toEqual({ ok: true, secret: 0 });
  });

  it('ignores v0 and schemes it does not know', () => {
    const v1 = hex('wrong');
    expect(verify(`t=${signedAt},v0=${hex(secret)},v1=${v1}`)).toEqual({ ok: false, reason: 'mismatch' });
    expect(verify(`t=${signedAt},v0=${hex(secret)}`)).toEqual({ ok: false, reason: 'malformed' });
    expect(verify(`t=${signedAt},v2=${hex(secret)},v1=${v1}`)).toEqual({ ok: false, reason: 'mismatch' });
  });

  it('covers the time as it is written', () => {
    expect(verify(`t=0${signedAt},v1=${hex(secret)}`)).toEqual({ ok: false, reason: 'mismatch' });
    expect(verify(`t=0${signedAt},v1=${hex(secret, `0${signedAt}`)}`)).toEqual({ ok: true, secret: 0 });
  });

  it('covers the bytes, not the text', () => {
    const broken = Buffer.from('{"a":"\xff"}', 'latin1');
    const header = stripe.sign({ body: broken, secret, now: at(signedAt) });
    expect(verify(header, { body: broken })).toEqual({ ok: true, secret: 0 });
    expect(verify(header, { body: Buffer.from(broken.toString('utf8')) })).toEqual({ ok: false, reason: 'mismatch' });
  });
});

describe('the time', () => {
  const header = `t=${signedAt},v1=${hex(secret)}`;

  it('may lie up to the tolerance away, both ways', () => {
    for (const now of [-300, 0, 300]) expect(verify(header, { now: at(signedAt + now) }).ok).toBe(true);
    expect(verify(header, { now: at(signedAt + 301) })).toEqual({ ok: false, reason: 'too_old' });
    expect(verify(header, { now: at(signedAt - 301) })).toEqual({ ok: false, reason: 'too_new' });
    const absurd = '9'.repeat(400);
    expect(verify(`t=${absurd},v1=${hex(secret, absurd)}`)).toEqual({ ok: false, reason: 'too_new' });
  });

  it('is judged only if the signature is right', () => {
    expect(verify(`t=${signedAt},v1=${hex('wrong')}`, { now: at(0) })).toEqual({ ok: false, reason: 'mismatch' });
  });
});

describe('the header', () => {
  const good = hex(secret);

  it('may be missing', () => {
    expect(verify(undefined)).toEqual({ ok: false, reason: 'missing' });
    expect(stripe.checkHeader(undefined)).toBe('missing');
  });

  it.each([
    '',
    't',
    't=',
    ',,',
    't,v1=,v0=',
    `v1=${good}`,
    `t=,v1=${good}`,
    `t=${signedAt}`,
    `t=${signedAt},v1=`,
    `t=${signedAt},v1=${good},`,
    `t=${signedAt},,v1=${good}`,
    `t=${signedAt},v1=${good.slice(1)}`,
    `t=${signedAt},v1=${good}0`,
    `t=${signedAt},v1=z${good.slice(1)}`,
    `t=-${signedAt},v1=${good}`,
    `t=${signedAt}.5,v1=${good}`,
    `t=${signedAt},t=${signedAt},v1=${good}`,
    `t=${signedAt},v1=${good}, t=${signedAt},v1=${good}`,
    `t=${signedAt};v1=${good}`,
  ])('is malformed: %s', (header) => {
    expect(verify(header)).toEqual({ ok: false, reason: 'malformed' });
    expect(stripe.checkHeader(header)).toBe('malformed');
  });

  it('is judged the same before and after the body is read', () => {
    const scheme = fc.constantFrom('t', 'v1', 'v0', 'v', '', ' t');
    const value = fc.constantFrom('', '=', `=${signedAt}`, `=${good}`, `=${good.toUpperCase()}`, '=x', '=1,');
    const made = fc.array(fc.tuple(scheme, value).map((pair) => pair.join(''))).map((parts) => parts.join(','));
    fc.assert(
      fc.property(fc.oneof(made, fc.string(), fc.string({ unit: 'binary' })), (header) => {
        const late = verify(header);
        const malformed = !late.ok && late.reason === 'malformed';
        expect(stripe.checkHeader(header)).toBe(malformed ? 'malformed' : null);
      }),
    );
  });
});

describe('the form of the header', () => {
  /** The form in one expression a part, which says what is allowed better than it could be read quickly. */
  function isWellFormed(header: string): boolean {
    const pairs = header.split(',').map((part) => /^\s*([^\s=]+)=(\S+)\s*$/.exec(part));
    const valuesOf = (scheme: string) => pairs.flatMap((pair) => (pair?.[1] === scheme ? [pair[2] ?? ''] : []));
    const [time, ...otherTimes] = valuesOf('t');
    if (pairs.includes(null) || time === undefined || otherTimes.length > 0 || !/^\d+$/.test(time)) return false;
    return valuesOf('v1').some((value) => /^[0-9a-f]{64}$/i.test(value));
  }

  const digest = fc.constantFrom(hex(secret), hex('other'), hex(secret).toUpperCase(), hex(secret).slice(1));
  const blank = fc.constantFrom('', '', ' ', '\t', '\n', '\u00a0', '\ufeff', '\u180e');
  const shortText = fc.string({ unit: fc.constantFrom(...'tv01=, \t9af'), maxLength: 6 });
  const scheme = fc.oneof(fc.constantFrom('t', 'v1', 'v0'), shortText);
  const value = fc.oneof(digest, fc.constantFrom(`${signedAt}`, '0'), shortText);
  const inner = fc.constantFrom('=', '=', '=', ' =', '=\t', '\u00a0=');
  const part = fc.tuple(blank, scheme, inner, value, blank).map((pieces) => pieces.join(''));
  const good = fc.constantFrom(`t=${signedAt}`, `v1=${hex(secret)}`);

  it('is judged as the expression judges it', () => {
    let wellFormed = 0;
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(fc.oneof(good, part), { minLength: 1, maxLength: 4 }).map((parts) => parts.join(',')),
          part.map((one) => `t=${signedAt},${one},v1=${hex(secret)}`),
          fc.array(fc.oneof(shortText, digest), { maxLength: 12 }).map((texts) => texts.join('')),
        ),
        (header) => {
          if (isWellFormed(header)) wellFormed++;
          expect(stripe.checkHeader(header)).toBe(isWellFormed(header) ? null : 'malformed');
        },
      ),
      { numRuns: 2_000 },
    );
    // Else nothing but refusals would have been compared.
    expect(wellFormed).toBeGreaterThan(50);
  });

  it.each([
    [` t=${signedAt}\t,\tv1=${hex(secret)} `, null],
    [`t=${signedAt},v1=${hex(secret)},a==b`, null],
    [`t=${signedAt},v1=${hex(secret)},v1==${hex(secret)}`, null],
    [`t=${signedAt},v1=${hex(secret)},=b`, 'malformed'],
    [`t =${signedAt},v1=${hex(secret)}`, 'malformed'],
    [`t= ${signedAt},v1=${hex(secret)}`, 'malformed'],
    [`t=${signedAt},v1=${hex(secret)},a b=c`, 'malformed'],
    [`t=${signedAt},v1=${hex(secret)},a=b c`, 'malformed'],
    [`t=${signedAt},v1=${hex(secret)},a=`, 'malformed'],
    [`t=${signedAt},v1=${hex(secret)},a`, 'malformed'],
  ])('has pairs without blanks within: %j', (header, expected) => {
    expect(stripe.checkHeader(header)).toBe(expected);
  });
});

describe('signing', () => {
  it('makes what verify accepts, for any bytes and secrets', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.string({ minLength: 1 }), fc.nat(4_000_000_000), (bytes, key, seconds) => {
        const input = { body: Buffer.from(bytes), now: at(seconds) };
        const header = stripe.sign({ ...input, secret: key });
        const result = stripe.verify({ ...input, header, secrets: ['\0', key], toleranceSeconds: 1 });
        expect(result).toEqual({ ok: true, secret: key === '\0' ? 0 : 1 });
      }),
    );
  });

  it('no longer holds once a byte of body, time or digest has changed', () => {
    const header = stripe.sign({ body, secret, now: at(signedAt) });
    fc.assert(
      fc.property(fc.nat(body.length - 1), fc.integer({ min: 1, max: 255 }), (place, flip) => {
        const changed = Buffer.from(body);
        changed.writeUInt8(changed.readUInt8(place) ^ flip, place);
        expect(verify(header, { body: changed })).toEqual({ ok: false, reason: 'mismatch' });
      }),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: header.length - 1 }),
        fc.constantFrom(...'0123456789abcdef'),
        (place, digit) => {
          fc.pre(header[place] !== digit);
          expect(verify(header.slice(0, place) + digit + header.slice(place + 1)).ok).toBe(false);
        },
      ),
    );
  });
});
