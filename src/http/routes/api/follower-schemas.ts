/** What a follower looks like in the API, and how events are followed. */
import { z } from 'zod';
import { FOLLOWED_FORMATS, type FollowedEvents, type Follower } from '../../../core/follower.ts';
import type { JsonObject } from '../../../core/json.ts';
import { id, time } from '../../api/schemas.ts';
import { filter } from './destination-schemas.ts';

const { sources, types, condition } = filter.shape;

const position = z.int().min(0);
const name = z.string().min(1).max(100).describe('For people');
const format = z
  .enum(FOLLOWED_FORMATS)
  .default('event')
  .describe('`event`: the envelope of a delivery; `native`: a body of the provider’s own form, in base64');

export const newFollower = z
  .strictObject({
    name,
    sources: sources.describe('Names of sources; null: all but `gateway`'),
    types,
    condition,
    format,
    after: position.nullable().default(null).describe('Position after which it begins; null: now'),
  })
  .transform((given) => ({ ...followed(given), name: given.name, after: given.after }));

export const follower = z
  .object({
    id,
    name,
    filter,
    format,
    ackedTo: position.describe('Up to this position nothing is left to be acknowledged'),
    createdAt: time,
    seenAt: time.describe('To the minute. After 3 days without a stream it is removed'),
  })
  .meta({ id: 'Follower' });

export function followerView({ acked: _, ...shown }: Follower) {
  return shown;
}

export const acknowledgement = z.strictObject({ positions: z.array(z.int().min(1)).min(1).max(1_000) });

/** In a query: names separated by commas. */
const separated = z.string().transform((text) => text.split(','));

const asPosition = z
  .string()
  .regex(/^\d{1,15}$/, { error: 'write a position, a whole number' })
  .transform(Number);

export const streamQuery = z
  .strictObject({
    follower: id.optional().describe('A follower: it says what is followed. Stands alone'),
    after: asPosition.optional().describe('Position; absent: `Last-Event-ID`, else now'),
    sources: separated
      .pipe(sources.unwrap().unwrap())
      .optional()
      .describe('`stripe,whatsapp`; absent: all but `gateway`'),
    types: separated.pipe(types.unwrap()).optional().describe('`invoice.*,message.text`; absent: all'),
    condition: z
      .string()
      .max(8_192)
      .transform(asJson)
      .pipe(condition.unwrap().unwrap())
      .optional()
      .describe('A query over the payload in MongoDB’s form, as JSON'),
    format: format.unwrap().optional().describe('`event`, unless `native` is asked for'),
  })
  .superRefine(({ follower: its, ...others }, context) => {
    if (its === undefined || Object.values(others).every((other) => other === undefined)) return;
    context.addIssue({ code: 'custom', path: ['follower'], message: 'stands alone' });
  });

export const streamHeaders = z.object({
  'last-event-id': asPosition.optional().describe('The last `id` that came; it counts more than `after`'),
});

interface Asked {
  readonly sources?: readonly string[] | null | undefined;
  readonly types?: readonly string[] | undefined;
  readonly condition?: JsonObject | null | undefined;
  readonly format?: FollowedEvents['format'] | undefined;
}

/** What is asked for, where nothing is said all of it. */
export function followed({ sources = null, types = ['*'], condition = null, format = 'event' }: Asked): FollowedEvents {
  return { filter: { sources, types, condition }, format };
}

function asJson(text: string, context: z.RefinementCtx): unknown {
  try {
    return JSON.parse(text, refuseProto);
  } catch {
    context.addIssue({ code: 'custom', message: 'this is not JSON, or has a member __proto__' });
    return z.NEVER;
  }
}

/** zod would leave the member out, and a condition without it lets everything through. Bodies are read like this as well. */
function refuseProto(key: string, value: unknown): unknown {
  if (key === '__proto__') throw new SyntaxError('a member __proto__');
  return value;
}
