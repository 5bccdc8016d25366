/** The headers of a delivery: the operator's, then those of the signature and our own, which no operator's replaces. */
import type { DeliveredRequest, LeasedDelivery } from '../core/delivery.ts';
import type { Origin } from '../core/provider.ts';
import type { DeliveryBody } from './body.ts';
import { signatureHeaders } from './signing.ts';

/** About one connection, or made by whoever sends the bytes: never an operator's to set. */
const RESERVED = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Null if an operator may set a header of that name, else what is wrong with it. */
export function checkHeaderName(name: string): string | null {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return 'is no name of a header';
  const lower = name.toLowerCase();
  if (RESERVED.has(lower)) return 'is set by the connection itself';
  const ours = /^(?:webhook-|x-webhook-|x-original-)/.test(lower) || lower === 'content-type' || lower === 'user-agent';
  return ours ? 'is set by the gateway' : null;
}

/** True if a header can have that value: Latin-1 without control characters. */
export function isHeaderValue(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
}

export interface HeadersInput {
  readonly delivery: LeasedDelivery;
  readonly body: DeliveryBody;
  readonly provider: Origin;
  readonly userAgent: string;
  readonly now: Date;
}

export type HeadersResult =
  | { readonly headers: Readonly<Record<string, string>> }
  /** For people; names a header, never a value. */
  | { readonly fault: string };

/**
 * `webhook-id` and the `x-webhook-` headers are there whatever the signing. `x-webhook-type` is missing with the format
 * `original`, whose request may hold events of several types, and `x-webhook-replay` is on replays only. With what has the
 * provider's own shape the signature of the request comes along as `x-original-<name>`, as it was received.
 */
export function deliveryHeaders({ delivery, body, provider, userAgent, now }: HeadersInput): HeadersResult {
  const { destination, event, request } = delivery;
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...destination.headers, ...destination.secretHeaders })) {
    if (checkHeaderName(name) !== null) return { fault: `the header ${JSON.stringify(name)} cannot be sent` };
    if (!isHeaderValue(value.trim())) return { fault: `the value of the header ${name} cannot be sent` };
    headers[name.toLowerCase()] = value.trim();
  }
  const messageId = messageIdOf(delivery.id);
  const { signing, secrets } = destination;
  const signature = signatureHeaders({ signing, secrets, messageId, body: body.bytes, now, provider });
  if (signature === null) return { fault: `there is no secret to sign with (signing is ${signing})` };
  return {
    headers: {
      ...headers,
      ...contentHeaders(body, request, provider),
      'user-agent': userAgent,
      'x-webhook-source': delivery.source,
      ...(event === null ? {} : { 'x-webhook-type': event.type }),
      'x-webhook-attempt': String(delivery.attempts + 1),
      ...(delivery.replay ? { 'x-webhook-replay': 'true' } : {}),
      'webhook-id': messageId,
      ...signature,
    },
  };
}

/** What goes with the bytes wherever they go. */
export function contentHeaders(
  { ofProvider, contentType }: DeliveryBody,
  request: Pick<DeliveredRequest, 'headers'> | null,
  { signatureHeader }: Origin,
): Record<string, string> {
  const original = ofProvider && signatureHeader !== null ? request?.headers[signatureHeader] : undefined;
  return {
    ...(original === undefined ? {} : { [`x-original-${signatureHeader}`]: original }),
    'content-type': isHeaderValue(contentType) ? contentType : 'application/json',
  };
}

/** The same at every attempt, also of another process, so that a receiver tells a repeat by it. A replay is a delivery of its own. */
export function messageIdOf(deliveryId: string): string {
  return `msg_${deliveryId}`;
}
