/** What the gateway tells of itself: events of its own, stored, routed and delivered as those of the providers are. */
import { type NewRequest, OWN_SOURCE, type ParsedEvent } from './event.ts';
import { eventRowId, rowId } from './row-id.ts';

export const AUTO_PAUSED = 'destination.auto_paused';

export interface OwnEvent extends ParsedEvent {
  readonly payload: string;
}

/** A destination that the gateway has paused. */
export interface PausedDestination {
  readonly id: string;
  readonly name: string;
  /** For people; nothing of a body, a secret or a header. */
  readonly reason: string;
  /** Of the first failure since its last success; null if it answered 410 and another delivery arrived beside that. */
  readonly failingSince: Date | null;
  readonly at: Date;
}

/** The type stands in the payload too: a body that is nothing but the payload has to say what it is. */
export function autoPaused({ id, name, reason, failingSince, at }: PausedDestination): OwnEvent {
  return {
    type: AUTO_PAUSED,
    dedupeKey: ownKey(AUTO_PAUSED, id, at),
    subject: id,
    occurredAt: at,
    payload: JSON.stringify({ type: AUTO_PAUSED, at, destination: { id, name }, reason, failingSince }),
  };
}

/** @param subject printable ASCII without `:` */
export function ownKey(type: string, subject: string, at: Date): string {
  return `${type}:${subject}:${at.getTime()}`;
}

/** As it is stored: with the payload as the body of a request, as if it had come by one. */
export function ownRequest(event: OwnEvent): NewRequest {
  const id = rowId();
  return {
    id,
    source: OWN_SOURCE,
    provider: 'gateway',
    receivedAt: new Date(),
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(event.payload),
    events: [{ ...event, id: eventRowId(id, 0), source: OWN_SOURCE }],
  };
}
