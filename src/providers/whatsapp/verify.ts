/**
 * Meta's signature: `X-Hub-Signature-256: sha256=<hex>`, the HMAC-SHA256 of the bytes under the app secret. No time is
 * signed, so a copy never grows too old: a repeated delivery is recognised by its dedupe keys only.
 * https://developers.facebook.com/docs/graph-api/webhooks/getting-started#validate-payloads
 */
import { decodeDigest, hmacSha256, matchingSecret } from '../../core/hmac.ts';
import type { SignInput, Verification, VerifyInput } from '../../core/provider.ts';

const SCHEME = 'sha256=';

export function checkHeader(header: string | undefined): 'missing' | 'malformed' | null {
  if (header === undefined) return 'missing';
  return readSignature(header) === null ? 'malformed' : null;
}

/** Over the bytes as received: Meta escapes what is not ASCII, and JSON written anew would not be what was signed. */
export function verify({ body, header, secrets }: VerifyInput): Verification {
  if (header === undefined) return { ok: false, reason: 'missing' };
  const signature = readSignature(header);
  if (signature === null) return { ok: false, reason: 'malformed' };
  const secret = matchingSecret(secrets, [signature], [body]);
  return secret === null ? { ok: false, reason: 'mismatch' } : { ok: true, secret };
}

export function sign({ body, secret }: SignInput): string {
  return SCHEME + hmacSha256(secret, [body]).toString('hex');
}

/** One signature and nothing else: a header sent twice reaches us joined by a comma, and is refused. */
function readSignature(header: string): Buffer | null {
  return header.startsWith(SCHEME) ? decodeDigest(header.slice(SCHEME.length)) : null;
}
