/** The GET with which Meta checks a URL before it sends anything there: `?hub.mode=subscribe&hub.verify_token=…&hub.challenge=…`. */
import { isOneOf } from '../../core/hmac.ts';
import { own } from '../../core/json.ts';
import type { HandshakeResult } from '../../core/provider.ts';

/** Meta sends about ten digits. What is echoed to whoever knows the token shall stay small all the same. */
const CHALLENGE_MAX_LENGTH = 1_000;

/** Query values as Fastify gives them: a repeated parameter is an array, hence malformed. */
export function handshake(query: Readonly<Record<string, unknown>>, tokens: readonly string[]): HandshakeResult {
  const token = own(query, 'hub.verify_token');
  const challenge = own(query, 'hub.challenge');
  const wellFormed =
    own(query, 'hub.mode') === 'subscribe' && typeof token === 'string' && typeof challenge === 'string';
  if (!wellFormed || challenge === '' || challenge.length > CHALLENGE_MAX_LENGTH) {
    return { ok: false, reason: 'malformed' };
  }
  return isOneOf(token, tokens) ? { ok: true, challenge } : { ok: false, reason: 'wrong_token' };
}
