/** `/deliveries` and `/dead-letters`: what is owed to destinations, and what became of it. */
import { z } from 'zod';
import type { Actor, Change } from '../../../core/audit.ts';
import { DELIVERY_STATES } from '../../../core/delivery.ts';
import type { DeliveryAdmin, DeliveryChange, DeliveryDetail } from '../../../core/delivery-admin.ts';
import { Refusal } from '../../../core/errors.ts';
import { type Endpoint, endpoint } from '../../api/endpoint.ts';
import { asDate, byId, id, listAnswer, listOf, pageRequest, paging, timeParameter } from '../../api/schemas.ts';
import { delivery, deliveryDetail, deliveryDetailView, deliveryView } from './delivery-schemas.ts';

const one = { status: 200, description: 'The delivery', schema: deliveryDetail } as const;
const page = { status: 200, description: 'A page of deliveries', schema: listOf(delivery) } as const;

export function deliveryEndpoints(deliveries: DeliveryAdmin): Endpoint[] {
  const find = async (deliveryId: string): Promise<DeliveryDetail> => {
    const found = await deliveries.find(deliveryId);
    if (found === null) throw new Refusal('not_found', 'there is no such delivery');
    return found;
  };
  const changed = async (deliveryId: string, result: DeliveryChange, conflict: string) => {
    if (result === 'conflict') throw new Refusal('conflict', conflict);
    return deliveryDetailView(await find(deliveryId));
  };
  const change = (action: string, target: string, by: Actor): Change => ({ ...by, action, target, details: null });
  return [
    endpoint({
      method: 'GET',
      path: '/deliveries',
      scope: 'read',
      summary: 'Lists deliveries',
      query: z.strictObject({
        destination: id.optional().describe('Id of a destination'),
        state: z.enum(DELIVERY_STATES).optional(),
        event: id.optional().describe('Id of an event'),
        request: id.optional().describe('Id of a request: deliveries of any of its events'),
        replay: id.optional().describe('Id of a replay'),
        ...paging,
      }),
      success: page,
      async handle({ query }) {
        const { destination, state, event, request, replay } = query;
        const filter = { destinationId: destination, state, eventId: event, requestId: request, replayId: replay };
        return listAnswer(await deliveries.list(filter, pageRequest(query)), deliveryView);
      },
    }),
    endpoint({
      method: 'GET',
      path: '/deliveries/:id',
      scope: 'read',
      summary: 'Shows a delivery with its attempts',
      params: byId,
      success: one,
      refusals: ['not_found'],
      handle: async ({ params }) => deliveryDetailView(await find(params.id)),
    }),
    endpoint({
      method: 'POST',
      path: '/deliveries/:id/retry',
      scope: 'operate',
      summary: 'Tries a delivery now',
      description: 'A pending one keeps its attempts; a dead or cancelled one begins its schedule anew.',
      params: byId,
      success: one,
      refusals: ['not_found', 'conflict'],
      async handle({ params, by }) {
        const result = await deliveries.retry(params.id, change('delivery.retry', params.id, by));
        return changed(
          params.id,
          result,
          'it is being sent or has been delivered, or its destination has been removed',
        );
      },
    }),
    endpoint({
      method: 'POST',
      path: '/deliveries/:id/cancel',
      scope: 'operate',
      summary: 'Gives a delivery up',
      description: 'What is under way is not called back: if it arrives, the delivery is delivered after all.',
      params: byId,
      success: one,
      refusals: ['not_found', 'conflict'],
      async handle({ params, by }) {
        const result = await deliveries.cancel(params.id, change('delivery.cancel', params.id, by));
        return changed(params.id, result, 'it is finished already');
      },
    }),
    endpoint({
      method: 'GET',
      path: '/dead-letters',
      scope: 'read',
      summary: 'Lists dead deliveries',
      description: 'Those whose last attempt failed.',
      query: z.strictObject({ destination: id.optional().describe('Id of a destination'), ...paging }),
      success: page,
      async handle({ query }) {
        const filter = { destinationId: query.destination, state: 'dead' } as const;
        return listAnswer(await deliveries.list(filter, pageRequest(query)), deliveryView);
      },
    }),
    endpoint({
      method: 'POST',
      path: '/dead-letters/redrive',
      scope: 'operate',
      summary: 'Tries the dead deliveries of a destination again',
      description: 'Oldest first; their schedules begin anew. Call it again while `redriven` is as many as `limit`.',
      body: z.strictObject({
        destination: id.describe('Id of a destination'),
        from: timeParameter.transform(asDate).optional().describe('Received at or after'),
        to: timeParameter.transform(asDate).optional().describe('Received before'),
        limit: z.int().min(1).max(1_000).default(1_000).describe('At most so many'),
      }),
      success: {
        status: 200,
        description: 'How many are tried again',
        schema: z.object({ redriven: z.int() }).meta({ id: 'Redriven' }),
      },
      async handle({ body, by }) {
        const { destination, limit, ...received } = body;
        const details = { limit, from: received.from?.toISOString() ?? null, to: received.to?.toISOString() ?? null };
        const redrive = { ...change('dead_letters.redrive', destination, by), details };
        const redriven = await deliveries.redrive(destination, limit, redrive, received);
        return { redriven };
      },
    }),
  ];
}
