/** `/stream`: events as they are dispatched. */
import type { Streams } from '../../../stream/streams.ts';
import { type Endpoint, EventStream, endpoint } from '../../api/endpoint.ts';
import { followed, streamHeaders, streamQuery } from './follower-schemas.ts';

export function streamEndpoints(streams: Pick<Streams, 'open'>): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/stream',
      scope: 'read',
      summary: 'Follows events as they are dispatched',
      description:
        'Server-Sent Events: `ready` with the position at which it begins, `webhook` for each event, `end` with a reason. Each ' +
        '`id` is a position, given in the order of commit: with it as `Last-Event-ID` nothing is missed, however late an ' +
        'older event became visible. With a follower every event comes until it is acknowledged, 256 at a time, with the ' +
        'same `webhookId`; a second stream of it ends the first.',
      query: streamQuery,
      headers: streamHeaders,
      success: { status: 200, description: 'The stream, without an end', contentType: 'text/event-stream' },
      refusals: ['not_found'],
      async handle({ query, headers }) {
        const { follower } = query;
        if (follower !== undefined) return new EventStream(await streams.open({ followerId: follower }));
        const after = headers['last-event-id'] ?? query.after ?? null;
        return new EventStream(await streams.open({ ...followed(query), after }));
      },
    }),
  ];
}
