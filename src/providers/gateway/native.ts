/** An event of the gateway's own: the body as it was stored, and once that is gone the payload, which is the same JSON. */
import type { DeliveredEvent, DeliveredRequest } from '../../core/delivery.ts';

export function native(event: DeliveredEvent, request: DeliveredRequest | null): Buffer | null {
  if (request !== null) return request.body;
  return event.payload === null ? null : Buffer.from(event.payload);
}
