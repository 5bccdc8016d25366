/** `/destinations`: where events are forwarded to. */
import { z } from 'zod';
import type { Destinations } from '../../../admin/destinations.ts';
import { type Endpoint, endpoint } from '../../api/endpoint.ts';
import { byId, listAnswer, listOf, pageRequest, paging } from '../../api/schemas.ts';
import { bodyView, outcome } from './delivery-schemas.ts';
import { destination, destinationChange, newDestination } from './destination-schemas.ts';

const test = z
  .strictObject({
    provider: z.enum(['stripe', 'whatsapp', 'gateway']).default('stripe').describe('In whose form'),
    type: z.string().max(200).optional().describe('Such as `invoice.paid`; the most usual one if absent'),
  })
  .prefault({});

const one = { status: 200, description: 'The destination', schema: destination } as const;
const created = destination
  .extend({ generatedSecret: z.string().nullable().describe('Made because none was given; shown this once') })
  .meta({ id: 'CreatedDestination' });

export function destinationEndpoints(destinations: Destinations): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/destinations',
      scope: 'read',
      summary: 'Lists destinations',
      query: z.strictObject(paging),
      success: { status: 200, description: 'A page of destinations', schema: listOf(destination) },
      handle: async ({ query }) => listAnswer(await destinations.list(pageRequest(query)), (row) => row),
    }),
    endpoint({
      method: 'POST',
      path: '/destinations',
      scope: 'admin',
      summary: 'Adds a destination',
      description: 'It is owed the events that are dispatched from then on.',
      body: newDestination,
      success: { status: 201, description: 'The new destination', schema: created },
      refusals: ['conflict'],
      async handle({ body, by }) {
        const { destination: made, generatedSecret } = await destinations.create(body, by);
        return { ...made, generatedSecret };
      },
    }),
    endpoint({
      method: 'GET',
      path: '/destinations/:id',
      scope: 'read',
      summary: 'Shows a destination',
      params: byId,
      success: one,
      refusals: ['not_found'],
      handle: ({ params }) => destinations.find(params.id),
    }),
    endpoint({
      method: 'PATCH',
      path: '/destinations/:id',
      scope: 'admin',
      summary: 'Changes a destination',
      description: 'Fields that are absent stay as they are; those given are replaced as a whole.',
      params: byId,
      body: destinationChange,
      success: one,
      refusals: ['not_found', 'conflict'],
      handle: ({ params, body, by }) => destinations.update(params.id, body, by),
    }),
    endpoint({
      method: 'DELETE',
      path: '/destinations/:id',
      scope: 'admin',
      summary: 'Removes a destination',
      description:
        'While deliveries to it are not finished it stays, unless `force` cancels them. Finished ones stay on record.',
      params: byId,
      query: z.strictObject({
        force: z
          .enum(['true', 'false'])
          .default('false')
          .transform((text) => text === 'true')
          .describe('Cancels what is not finished'),
      }),
      success: { status: 204, description: 'It is gone' },
      refusals: ['not_found', 'conflict'],
      handle: ({ params, query, by }) => destinations.remove(params.id, query.force, by),
    }),
    endpoint({
      method: 'POST',
      path: '/destinations/:id/pause',
      scope: 'operate',
      summary: 'Pauses a destination',
      description: 'It is owed events all the same, and gets them when it is resumed.',
      params: byId,
      body: z.strictObject({ reason: z.string().min(1).max(500).optional().describe('For people') }).prefault({}),
      success: one,
      refusals: ['not_found'],
      handle: ({ params, body, by }) => destinations.pause(params.id, body.reason ?? null, by),
    }),
    endpoint({
      method: 'POST',
      path: '/destinations/:id/resume',
      scope: 'operate',
      summary: 'Resumes a destination',
      description:
        'What it is owed is sent, what has failed lately at once, and its failures so far are forgotten; of one that is active too: its circuit is closed at once.',
      params: byId,
      success: one,
      refusals: ['not_found'],
      handle: ({ params, by }) => destinations.resume(params.id, by),
    }),
    endpoint({
      method: 'POST',
      path: '/destinations/:id/test',
      scope: 'operate',
      summary: 'Sends a sample to a destination',
      description:
        'At once and only once, also to a paused one, with the header `x-gateway-test: true`. Answers with what came back; ' +
        'nothing of it is stored.',
      params: byId,
      body: test,
      success: { status: 200, description: 'What became of it', schema: outcome },
      refusals: ['not_found'],
      async handle({ params, body, by }) {
        const { answer, ...rest } = await destinations.test(params.id, body, by);
        return {
          ...rest,
          status: answer?.status ?? null,
          responseHeaders: answer?.headers ?? null,
          responseBody: answer === null ? null : bodyView(answer.body),
        };
      },
    }),
  ];
}
