/** `/replays`: events owed anew. */
import { z } from 'zod';
import type { Actor, Change } from '../../../core/audit.ts';
import { Refusal } from '../../../core/errors.ts';
import type { Clock } from '../../../core/ports.ts';
import type { ReplayAdmin, ReplayDetail, ReplayOrder } from '../../../core/replay.ts';
import { rowId } from '../../../core/row-id.ts';
import { type Endpoint, endpoint } from '../../api/endpoint.ts';
import { byId, listAnswer, listOf, pageRequest, paging } from '../../api/schemas.ts';
import { newReplay, replay, replayDetail, replayView, scopeOf } from './replay-schemas.ts';

export interface ReplayEndpointsOptions {
  readonly replays: ReplayAdmin;
  /** There is something to do for the worker behind replays. */
  readonly onDue: () => void;
  readonly clock: Clock;
}

export function replayEndpoints({ replays, onDue, clock }: ReplayEndpointsOptions): Endpoint[] {
  const find = async (id: string): Promise<ReplayDetail> => {
    const found = await replays.find(id);
    if (found === null) throw new Refusal('not_found', 'there is no such replay');
    return found;
  };
  return [
    endpoint({
      method: 'POST',
      path: '/replays',
      scope: 'operate',
      summary: 'Orders a replay',
      description:
        'Events are sent once more, as new deliveries with ids of their own, with the destinations as they are now. It goes on ' +
        'in the background, behind live deliveries. Name either `events` or `from`.',
      body: newReplay,
      success: { status: 201, description: 'The replay', schema: replay },
      async handle({ body, by }) {
        const { destinations = null, ignoreFilter, ratePerSecond } = body;
        const scope = scopeOf(body, clock());
        const order = { id: rowId(), scope, destinationIds: destinations, ignoreFilter, ratePerSecond };
        const created = await replays.create(order, creation(order, by));
        if (created === null) throw unknownDestination();
        onDue();
        return replayView(created);
      },
    }),
    endpoint({
      method: 'GET',
      path: '/replays',
      scope: 'read',
      summary: 'Lists replays',
      description: 'They are kept for `DELIVERY_RETENTION_DAYS` after their end.',
      query: z.strictObject(paging),
      success: { status: 200, description: 'A page of replays', schema: listOf(replay) },
      handle: async ({ query }) => listAnswer(await replays.list(pageRequest(query)), replayView),
    }),
    endpoint({
      method: 'GET',
      path: '/replays/:id',
      scope: 'read',
      summary: 'Shows a replay with what became of its deliveries',
      params: byId,
      success: { status: 200, description: 'The replay', schema: replayDetail },
      refusals: ['not_found'],
      handle: async ({ params }) => replayView(await find(params.id)),
    }),
    endpoint({
      method: 'POST',
      path: '/replays/:id/cancel',
      scope: 'operate',
      summary: 'Cancels a replay',
      description:
        'Nothing more is owed, and what waits of it is cancelled, soon; what is under way is not called back. One that is done can ' +
        'be cancelled for as long as some of its deliveries wait.',
      params: byId,
      success: { status: 200, description: 'The replay', schema: replayDetail },
      refusals: ['not_found', 'conflict'],
      async handle({ params, by }) {
        const change = { ...by, action: 'replay.cancel', target: params.id, details: null };
        const result = await replays.cancel(params.id, change);
        if (result === 'conflict') throw new Refusal('conflict', 'it has ended, and nothing of it waits');
        if (result === 'done') onDue();
        return replayView(await find(params.id));
      },
    }),
  ];
}

/** Of a condition only that there is one: its values may be a person's. */
function creation(order: ReplayOrder, by: Actor): Change {
  const { id, scope, destinationIds: destinations, ignoreFilter, ratePerSecond } = order;
  const of =
    scope.kind === 'events'
      ? { scope: scope.kind, events: scope.eventIds.length }
      : {
          scope: scope.kind,
          from: scope.from.toISOString(),
          to: scope.to.toISOString(),
          ...scope.filter,
          condition: scope.filter.condition !== null,
        };
  const details = { ...of, destinations, ignoreFilter, ratePerSecond };
  return { ...by, action: 'replay.create', target: id, details };
}

function unknownDestination(): Refusal {
  const message = 'one of them is no destination';
  return new Refusal('bad_request', 'there is no such destination', [{ path: 'destinations', message }]);
}
