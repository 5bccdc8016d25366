/** A Stripe event as Stripe would send it: one body is one event, so it is the very bytes, as long as they are kept. */
import type { DeliveredEvent, DeliveredRequest } from '../../core/delivery.ts';

/** Without the bytes the payload: the same JSON, with members and spaces in PostgreSQL's order. */
export function native(event: DeliveredEvent, request: DeliveredRequest | null): Buffer | null {
  if (request !== null) return request.body;
  return event.payload === null ? null : Buffer.from(event.payload);
}
