/** `/status`: how the gateway is doing, in one look. */
import { z } from 'zod';
import { StoreError } from '../../../core/errors.ts';
import type { StatusReader } from '../../../core/status.ts';
import { type Endpoint, endpoint } from '../../api/endpoint.ts';
import { time } from '../../api/schemas.ts';

const state = z.enum(['up', 'down', 'unknown', 'off']);

const status = z
  .object({
    service: z.string(),
    version: z.string(),
    node: z.string(),
    role: z.enum(['all', 'ingest', 'worker']),
    uptimeSeconds: z.int(),
    database: state,
    redis: state,
    queueDepth: z.int().describe('Verified webhooks that wait for their commit'),
    breakerOpen: z.boolean().describe('Webhooks go to the spool without asking PostgreSQL'),
    spool: z
      .object({
        records: z.int(),
        bytes: z.int(),
        oldest: time.nullable().describe('Arrival of the oldest record'),
        asideBytes: z.int().describe('Of files that were put aside'),
        torn: z.int(),
        corrupt: z.int(),
        rejected: z.int(),
      })
      .nullable()
      .describe('Null in a process that takes no webhooks'),
    dispatch: z
      .object({ oldest: time.nullable().describe('Arrival of the oldest event that is owed'), parked: z.int() })
      .nullable()
      .describe('Of the whole database; null while PostgreSQL does not answer'),
    deliveries: z
      .object({
        pending: z.int().describe('Unfinished ones, those under way included'),
        dead: z.int(),
        oldest: time.nullable().describe('Arrival of the oldest that is unfinished, replays aside'),
      })
      .nullable()
      .describe('Of the whole database; null while PostgreSQL does not answer'),
    destinations: z
      .object({
        active: z.int(),
        failing: z.int().describe('Active, but only tried now and then'),
        paused: z.int(),
        auto_paused: z.int(),
      })
      .nullable()
      .describe('The same'),
  })
  .meta({ id: 'Status' });

export function statusEndpoints(reader: StatusReader): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/status',
      scope: 'read',
      summary: 'How the gateway is doing',
      description: 'Queue, breaker and spool are those of the process that answers.',
      success: { status: 200, description: 'The status', schema: status },
      async handle() {
        const [dispatch, counts] = await Promise.all([
          reader.dispatch().catch(nullIfAway),
          reader.deliveries().catch(nullIfAway),
        ]);
        const { destinations = null, ...deliveries } = counts ?? {};
        return { ...reader.process(), dispatch, deliveries: counts && deliveries, destinations };
      },
    }),
  ];
}

/** Just then an operator wants to see the rest. */
function nullIfAway(error: unknown): null {
  if (error instanceof StoreError) return null;
  throw error;
}
