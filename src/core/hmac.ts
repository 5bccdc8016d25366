/** Comparing what a request claims with what we know, without telling an attacker how near the guess was. */
import { createHmac, hash, timingSafeEqual } from 'node:crypto';

export function hmacSha256(secret: string, signed: readonly (string | Buffer)[]): Buffer {
  const hmac = createHmac('sha256', secret);
  for (const part of signed) hmac.update(part);
  return hmac.digest();
}

/** The 32 bytes of a signature written as exactly 64 hexadecimal digits; null for anything else. */
export function decodeDigest(text: string): Buffer | null {
  return /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, 'hex') : null;
}

/**
 * Position of the first secret under which one of the signatures is right, or null. Every secret is tried against every
 * signature, so that the time taken tells nothing. An empty secret matches nothing: with it, anybody could sign.
 */
export function matchingSecret(
  secrets: readonly string[],
  signatures: readonly Buffer[],
  signed: readonly (string | Buffer)[],
): number | null {
  let match: number | null = null;
  for (const [position, secret] of secrets.entries()) {
    const expected = hmacSha256(secret, signed);
    for (const signature of signatures) {
      const equal = timingSafeEqual(signature, expected);
      if (equal && secret !== '') match ??= position;
    }
  }
  return match;
}

/** True if the text is one of the accepted ones; an empty one is never accepted. Compares digests, so that not even a length shows. */
export function isOneOf(text: string, accepted: readonly string[]): boolean {
  const given = hash('sha256', text, 'buffer');
  let found = false;
  for (const candidate of accepted) {
    const equal = timingSafeEqual(given, hash('sha256', candidate, 'buffer'));
    if (equal && candidate !== '') found = true;
  }
  return found;
}
