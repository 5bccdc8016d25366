/** `/events`: what was received. */
import { Refusal } from '../../../core/errors.ts';
import type { ProviderName } from '../../../core/event.ts';
import type { EventDetail, EventReader } from '../../../core/event-reader.ts';
import { keysOfId } from '../../../core/identity.ts';
import type { Origin } from '../../../core/provider.ts';
import { type Endpoint, endpoint, JsonText } from '../../api/endpoint.ts';
import { byId, listAnswer, pageRequest, writeCursor } from '../../api/schemas.ts';
import { deliveryView } from './delivery-schemas.ts';
import { eventDetail, eventList, eventQuery } from './event-schemas.ts';

export interface EventEndpointsOptions {
  readonly events: EventReader;
  /** Who know where in a key an id stands. */
  readonly origins: Readonly<Record<ProviderName, Pick<Origin, 'idPrefixes'>>>;
}

export function eventEndpoints({ events, origins }: EventEndpointsOptions): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/events',
      scope: 'read',
      summary: 'Lists events',
      description:
        'Without their payloads. There is no index by type or subject: a filter is applied walking back in time, for three ' +
        'seconds at most. `truncated` then says that there may be more, and `nextCursor` goes on where it stopped.',
      query: eventQuery,
      success: { status: 200, description: 'A page of events', schema: eventList },
      async handle({ query }) {
        const { id, key, source } = query;
        if (id !== undefined) {
          const keysOf = (provider: ProviderName) => keysOfId(id, origins[provider].idPrefixes);
          const page = await events.findById({ id, keysOf, source }, pageRequest(query));
          return { ...listAnswer(page, (event) => event), truncated: false };
        }
        if (key !== undefined) {
          return { data: await events.findByKey(key, source), nextCursor: null, truncated: false };
        }
        const page = await events.list(query, pageRequest(query));
        const nextCursor = page.next === null ? null : writeCursor(page.next);
        return { data: page.events, nextCursor, truncated: page.truncated };
      },
    }),
    endpoint({
      method: 'GET',
      path: '/events/:id',
      scope: 'read',
      summary: 'Shows an event with its payload, request and deliveries',
      params: byId,
      success: { status: 200, description: 'The event', schema: eventDetail },
      refusals: ['not_found'],
      async handle({ params }) {
        const found = await events.find(params.id);
        if (found === null) throw noEvent();
        return eventText(found);
      },
    }),
    endpoint({
      method: 'GET',
      path: '/events/:id/body',
      scope: 'read',
      summary: 'The webhook that an event came with',
      description: 'Byte for byte as it was received and signed; it may hold other events too.',
      params: byId,
      success: { status: 200, description: 'The bytes', contentType: 'application/octet-stream' },
      refusals: ['not_found'],
      async handle({ params }) {
        const body = await events.body(params.id);
        if (body === null) throw new Refusal('not_found', 'there is no such event, or its bytes have been removed');
        return body;
      },
    }),
  ];
}

function eventText({ payload, deliveries, ...rest }: EventDetail): JsonText {
  const head = JSON.stringify({ ...rest, deliveries: deliveries.map(deliveryView) });
  return new JsonText(`${head.slice(0, -1)},"payload":${payload ?? 'null'}}`);
}

function noEvent(): Refusal {
  return new Refusal('not_found', 'there is no such event');
}
