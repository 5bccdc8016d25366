/**
 * Stripe's signature: `Stripe-Signature: t=<Unix seconds>,v1=<hex>[,v1=<hex>][,v0=<hex>]`, each `v1` the HMAC-SHA256 of
 * `<t>.<bytes>` under one of the endpoint's active secrets. Every retry is signed anew with a fresh time.
 * https://docs.stripe.com/webhooks#verify-manually
 */
import { decodeDigest, hmacSha256, matchingSecret } from '../../core/hmac.ts';
import type { SignInput, Verification, VerifyInput } from '../../core/provider.ts';

export function checkHeader(header: string | undefined): 'missing' | 'malformed' | null {
  if (header === undefined) return 'missing';
  return readSignatureHeader(header) === null ? 'malformed' : null;
}

/** The time is judged after the signature: only who can sign learns whether it was in time. */
export function verify({ body, header, secrets, now, toleranceSeconds }: VerifyInput): Verification {
  if (header === undefined) return { ok: false, reason: 'missing' };
  const read = readSignatureHeader(header);
  if (read === null) return { ok: false, reason: 'malformed' };
  const secret = matchingSecret(secrets, read.signatures, [`${read.time}.`, body]);
  if (secret === null) return { ok: false, reason: 'mismatch' };
  const age = unixSeconds(now) - Number(read.time);
  if (age > toleranceSeconds) return { ok: false, reason: 'too_old' };
  return age < -toleranceSeconds ? { ok: false, reason: 'too_new' } : { ok: true, secret };
}

export function sign({ body, secret, now }: SignInput): string {
  const time = unixSeconds(now);
  return `t=${time},v1=${hmacSha256(secret, [`${time}.`, body]).toString('hex')}`;
}

interface SignatureHeader {
  /** As sent: the text is part of what is signed. */
  readonly time: string;
  readonly signatures: readonly Buffer[];
}

/**
 * Exactly one `t`, at least one `v1` of the right form. `v0` is Stripe's own test scheme; it and schemes to come are
 * ignored, since an attacker could otherwise choose the weaker one.
 */
function readSignatureHeader(header: string): SignatureHeader | null {
  let time: string | undefined;
  const signatures: Buffer[] = [];
  for (const part of header.split(',')) {
    const pair = part.trim();
    const equals = pair.indexOf('=');
    const value = pair.slice(equals + 1);
    if (equals < 1 || value === '' || /\s/.test(pair)) return null;
    const scheme = pair.slice(0, equals);
    if (scheme === 't') {
      if (time !== undefined) return null;
      time = value;
    }
    const signature = scheme === 'v1' ? decodeDigest(value) : null;
    if (signature !== null) signatures.push(signature);
  }
  if (time === undefined || !/^\d+$/.test(time) || signatures.length === 0) return null;
  return { time, signatures };
}

function unixSeconds(time: Date): number {
  return Math.floor(time.getTime() / 1000);
}
