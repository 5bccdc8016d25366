/**
 * The body of a delivery, in the destination's format.
 *
 * `event` is our envelope, one JSON object:
 *
 *     {"id": "<uuid of the event>", "source": "stripe", "provider": "stripe", "type": "invoice.paid", "subject": "in_1" or null,
 *      "occurredAt": "2026-11-20T10:00:00.000Z" or null, "receivedAt": "2026-11-20T10:00:01.000Z", "payload": {…} or null}
 *
 * `payload` is put in as PostgreSQL prints it, so that numbers keep all their digits; members and spaces are in its order, not
 * in the sender's. It is null where none could be kept (the body was not JSON, or nested too deep): whoever wants those takes
 * the format `original`.
 */
import type { DeliveredEvent, LeasedDelivery } from '../core/delivery.ts';
import type { Destination } from '../core/destination.ts';
import type { Origin } from '../core/provider.ts';

const JSON_TYPE = 'application/json';

export interface DeliveryBody {
  readonly bytes: Buffer;
  readonly contentType: string;
  /** True if they have the provider's own shape. Its signature may still not fit: that is over the request's bytes. */
  readonly ofProvider: boolean;
}

/** What a body is made of, whoever it is for. */
export interface Content extends Pick<LeasedDelivery, 'source' | 'provider' | 'receivedAt' | 'event' | 'request'> {
  readonly destination: Pick<Destination, 'format'>;
}

/** The same bytes at every attempt. Null if what they are made of is gone or never was. */
export function deliveryBody(delivery: Content, origin: Origin): DeliveryBody | null {
  const { event, request } = delivery;
  switch (delivery.destination.format) {
    case 'original':
      return request === null ? null : received(request.body, request.headers['content-type']);
    case 'native': {
      const bytes = event === null ? null : origin.native(event, request);
      if (bytes === null) return null;
      return bytes === request?.body ? received(bytes, request.headers['content-type']) : made(bytes, true);
    }
    case 'event':
      return event === null ? null : made(envelope(delivery, event), false);
  }
}

function received(bytes: Buffer, contentType: string = JSON_TYPE): DeliveryBody {
  return { bytes, contentType, ofProvider: true };
}

function made(bytes: Buffer, ofProvider: boolean): DeliveryBody {
  return { bytes, contentType: JSON_TYPE, ofProvider };
}

function envelope(delivery: Content, event: DeliveredEvent): Buffer {
  const head = JSON.stringify(envelopeHead(delivery, event));
  return Buffer.from(`${head.slice(0, -1)},"payload":${event.payload ?? 'null'}}`);
}

/** The envelope without its payload. */
export function envelopeHead({ source, provider, receivedAt }: Omit<Content, 'destination'>, event: DeliveredEvent) {
  const { id, type, subject, occurredAt } = event;
  return { id, source, provider, type, subject, occurredAt, receivedAt };
}
