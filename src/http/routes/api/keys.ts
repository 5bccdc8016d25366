/** `/keys`: who else may use the API. */
import { z } from 'zod';
import type { ApiKeys } from '../../../admin/api-keys.ts';
import { SCOPES } from '../../../core/api-key.ts';
import { type Endpoint, endpoint } from '../../api/endpoint.ts';
import { asDate, byId, id, listAnswer, listOf, pageRequest, paging, time, timeParameter } from '../../api/schemas.ts';

const name = z.string().min(1).max(100).describe('For people');
const scope = z.enum(SCOPES).describe('Each may do what those before it may');

const key = z
  .object({
    id,
    name,
    prefix: z.string().describe('The first characters of the key'),
    scope,
    createdAt: time,
    expiresAt: time.nullable().describe('Null: never'),
    lastUsedAt: time.nullable().describe('To the minute'),
    revokedAt: time.nullable(),
  })
  .meta({ id: 'Key' });

export function keyEndpoints(keys: ApiKeys): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/keys',
      scope: 'admin',
      summary: 'Lists keys',
      description: 'Revoked and expired ones too. `ADMIN_API_KEY` is none of them.',
      query: z.strictObject(paging),
      success: { status: 200, description: 'A page of keys', schema: listOf(key) },
      handle: async ({ query }) => listAnswer(await keys.list(pageRequest(query)), (row) => row),
    }),
    endpoint({
      method: 'POST',
      path: '/keys',
      scope: 'admin',
      summary: 'Makes a key',
      body: z.strictObject({
        name,
        scope,
        expiresAt: timeParameter.transform(asDate).nullable().default(null).describe('Null: never'),
      }),
      success: {
        status: 201,
        description: 'The new key, whose text is shown this once',
        schema: key.extend({ key: z.string().describe('`whg_…`') }).meta({ id: 'CreatedKey' }),
      },
      async handle({ body, by }) {
        const { key: made, text } = await keys.create(body, by);
        return { ...made, key: text };
      },
    }),
    endpoint({
      method: 'DELETE',
      path: '/keys/:id',
      scope: 'admin',
      summary: 'Revokes a key',
      description: 'At once, in every process. It stays in the list.',
      params: byId,
      success: { status: 204, description: 'It opens nothing any more' },
      refusals: ['not_found'],
      handle: ({ params, by }) => keys.revoke(params.id, by),
    }),
  ];
}
