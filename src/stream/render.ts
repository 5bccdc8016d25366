/** An event as it is streamed: its body and its headers are those that a delivery has. */
import { v5 } from 'uuid';
import type { ProviderName } from '../core/event.ts';
import type { EventSummary, FollowedFormat, PositionedEvent } from '../core/follower.ts';
import type { Origin } from '../core/provider.ts';
import { type Content, deliveryBody, envelopeHead } from '../delivery/body.ts';
import { contentHeaders } from '../delivery/headers.ts';
import type { StreamMessage } from './message.ts';

/** Namespace of the ids for those who do not acknowledge. Never to be changed: whoever has an id finds out by it what he has. */
const NAMESPACE = '6b4c4f0e-1f0b-4c8e-9a57-0f5be1d3a6c2';

export type Origins = Readonly<Record<ProviderName, Origin>>;

/** The `webhook-id`, the same whenever that event is streamed to that follower. @param followerId null: there is none */
export function webhookId(eventId: string, followerId: string | null): string {
  return `msg_${v5(eventId, followerId ?? NAMESPACE)}`;
}

export interface RenderOptions {
  readonly origins: Origins;
  readonly format: FollowedFormat;
  /** Null: nobody acknowledges. */
  readonly followerId: string | null;
}

/** Never throws: an event of which no body of the provider's form can be made comes without one. */
export function render(positioned: PositionedEvent, { origins, format, followerId }: RenderOptions): StreamMessage {
  const { position, source, provider, receivedAt, request, ...event } = positioned;
  const content: Content = {
    destination: { format },
    source,
    provider,
    receivedAt,
    event,
    request: request && { id: event.requestId, ...request },
  };
  const head = JSON.stringify({ position, webhookId: webhookId(event.id, followerId) }).slice(0, -1);
  const origin = origins[provider];
  if (format === 'event') {
    const envelope = deliveryBody(content, origin)?.bytes.toString() ?? 'null';
    return { id: position, event: 'webhook', data: `${head},"event":${envelope}}` };
  }
  const native = JSON.stringify({ event: envelopeHead(content, event), ...nativeBody(content, origin) });
  return { id: position, event: 'webhook', data: `${head},${native.slice(1)}` };
}

/** True if the format `native` has the request's body as it came: then nothing else of the event is needed while that is there. */
export function sendsBodyAsReceived(event: EventSummary, origins: Origins): boolean {
  try {
    const body = Buffer.alloc(0);
    return (
      origins[event.provider].native({ ...event, payload: null }, { id: event.requestId, headers: {}, body }) === body
    );
  } catch {
    return false;
  }
}

function nativeBody(content: Content, origin: Origin) {
  try {
    const body = deliveryBody(content, origin);
    if (body === null) return WITHOUT_BODY;
    return { headers: contentHeaders(body, content.request, origin), bodyBase64: body.bytes.toString('base64') };
  } catch {
    return WITHOUT_BODY;
  }
}

const WITHOUT_BODY = { headers: {}, bodyBase64: null };
