/** Deliveries as a claim would bring them. */
import type { DeliveredEvent, DeliveredRequest, LeasedDelivery } from '../../src/core/delivery.ts';
import { DEFAULT_RETRY_SCHEDULE, type Destination } from '../../src/core/destination.ts';
import type { Provider } from '../../src/core/provider.ts';

export const DESTINATION: Destination = {
  id: '01900000-0000-7000-8000-00000000000d',
  name: 'shop',
  target: { kind: 'http', url: 'https://receiver.example/hook' },
  filter: { sources: null, types: ['*'], condition: null },
  format: 'event',
  signing: 'none',
  secrets: [],
  headers: {},
  secretHeaders: {},
  timeoutMs: 5_000,
  concurrency: 10,
  ratePerSecond: null,
  retrySchedule: DEFAULT_RETRY_SCHEDULE,
  ordering: 'none',
  state: 'active',
  pauseReason: null,
  createdAt: new Date('2026-11-01T00:00:00Z'),
  updatedAt: new Date('2026-11-01T00:00:00Z'),
};

export const EVENT: DeliveredEvent = {
  id: '01900000-0000-7000-8000-00000000000e',
  type: 'invoice.paid',
  dedupeKey: 'evt_1',
  subject: 'in_1',
  occurredAt: new Date('2026-11-20T10:00:00Z'),
  payload: '{"id": "evt_1", "amount": 12345678901234567890.10}',
};

export interface LeasedParts extends Partial<Omit<LeasedDelivery, 'destination'>> {
  readonly destination?: Partial<Destination>;
}

/** An event of Stripe for `DESTINATION`, first attempt, unless told otherwise. */
export function leased({ destination, ...parts }: LeasedParts = {}): LeasedDelivery {
  return {
    id: '01900000-0000-7000-8000-000000000001',
    destination: { ...DESTINATION, ...destination },
    undecryptable: null,
    source: 'stripe',
    provider: 'stripe',
    receivedAt: new Date('2026-11-20T10:00:01Z'),
    event: EVENT,
    request: null,
    attempts: 0,
    replay: false,
    probe: false,
    places: 1_000,
    ...parts,
  };
}

export const REQUEST_ID = '01900000-0000-7000-8000-00000000000f';

/** A request as it was received, with the provider's signature. */
export function requestOf(provider: Provider, body: Buffer, secret = 'the-provider-s-secret'): DeliveredRequest {
  const signature = provider.sign({ body, secret, now: new Date('2026-11-20T10:00:00Z') });
  return {
    id: REQUEST_ID,
    headers: { 'content-type': 'application/json; charset=utf-8', [provider.signatureHeader]: signature },
    body,
  };
}
