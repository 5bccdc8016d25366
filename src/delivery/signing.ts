/** The signature headers of a delivery. Made anew at every attempt: receivers refuse an old time. */
import { createHmac } from 'node:crypto';
import type { Signing } from '../core/destination.ts';
import type { Origin } from '../core/provider.ts';

export interface SignatureInput {
  readonly signing: Signing;
  readonly secrets: readonly string[];
  /** `webhook-id`. */
  readonly messageId: string;
  readonly body: Buffer;
  readonly now: Date;
  readonly provider: Origin;
}

/** Null if there is no secret to sign with, or if it is to be the provider's signature and the event is from the gateway itself. */
export function signatureHeaders(input: SignatureInput): Record<string, string> | null {
  const { signing, secrets, messageId, body, now, provider } = input;
  if (signing === 'none') return {};
  const [first] = secrets;
  if (first === undefined) return null;
  if (signing === 'provider') {
    if (provider.signatureHeader === null) return null;
    return { [provider.signatureHeader]: provider.sign({ body, secret: first, now }) };
  }
  const timestamp = Math.floor(now.getTime() / 1000).toString();
  const signatures = secrets.map((secret) => `v1,${standardSignature(secret, `${messageId}.${timestamp}.`, body)}`);
  return { 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}

/**
 * Standard Webhooks: HMAC-SHA256 of `<id>.<Unix seconds>.<body>`, in base64, under the bytes that stand in base64 behind
 * `whsec_`. https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
function standardSignature(secret: string, head: string, body: Buffer): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  return createHmac('sha256', key).update(head).update(body).digest('base64');
}
