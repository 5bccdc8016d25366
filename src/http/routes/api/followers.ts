/** `/followers`: who follows with acknowledgements. */
import { z } from 'zod';
import type { Followers } from '../../../stream/followers.ts';
import { type Endpoint, endpoint } from '../../api/endpoint.ts';
import { byId, listAnswer, listOf, pageRequest, paging } from '../../api/schemas.ts';
import { acknowledgement, follower, followerView, newFollower } from './follower-schemas.ts';

export function followerEndpoints(followers: Followers): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/followers',
      scope: 'read',
      summary: 'Lists followers',
      query: z.strictObject(paging),
      success: { status: 200, description: 'A page of followers', schema: listOf(follower) },
      handle: async ({ query }) => listAnswer(await followers.list(pageRequest(query)), followerView),
    }),
    endpoint({
      method: 'POST',
      path: '/followers',
      scope: 'read',
      summary: 'Adds a follower',
      description: 'A bookmark: what its stream sent and nobody acknowledged is sent again on the next one.',
      body: newFollower,
      success: { status: 201, description: 'The new follower', schema: follower },
      refusals: ['conflict'],
      handle: async ({ body, by }) => followerView(await followers.create(body, by)),
    }),
    endpoint({
      method: 'DELETE',
      path: '/followers/:id',
      scope: 'read',
      summary: 'Removes a follower',
      description: 'Its stream ends.',
      params: byId,
      success: { status: 204, description: 'It is gone' },
      refusals: ['not_found'],
      handle: ({ params, by }) => followers.remove(params.id, by),
    }),
    endpoint({
      method: 'POST',
      path: '/followers/:id/acks',
      scope: 'read',
      summary: 'Acknowledges events by their positions',
      description: 'Each by itself and in any order; twice is as good as once.',
      params: byId,
      body: acknowledgement,
      success: { status: 204, description: 'They do not come again' },
      refusals: ['not_found'],
      handle: ({ params, body }) => followers.acknowledge(params.id, body.positions),
    }),
  ];
}
