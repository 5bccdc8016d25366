/** What an event looks like in the API, and how events are asked for. */
import { z } from 'zod';
import { asDate, id, paging, time, timeParameter } from '../../api/schemas.ts';
import { delivery } from './delivery-schemas.ts';

const MAX_SEARCH_DAYS = 7;
const DAY_MS = 86_400_000;

export const event = z
  .object({
    id,
    requestId: id.describe('Of the webhook that it came with; the `x-request-id` of its answer'),
    source: z.string(),
    provider: z.string(),
    type: z.string(),
    dedupeKey: z.string().describe('Unique within the source'),
    subject: z.string().nullable().describe('Whom or what it is about'),
    occurredAt: time.nullable().describe('The provider’s own time'),
    receivedAt: time,
  })
  .meta({ id: 'Event' });

export const eventDetail = event
  .extend({
    payload: z.unknown().describe('With every digit of its numbers; null where none could be kept'),
    request: z
      .object({
        id,
        receivedAt: time,
        headers: z.record(z.string(), z.string()),
        bodyBytes: z.int(),
        bodySha256: z.string(),
      })
      .nullable()
      .describe('Null once it has been removed'),
    dispatch: z
      .object({
        routedAt: time.nullable().describe('Its deliveries have been made, only the projection is owed'),
        attempts: z.int().describe('Failed ones'),
        nextAttemptAt: time.nullable(),
        parked: z.boolean().describe('It failed too often and is tried no longer'),
        error: z.string().nullable(),
      })
      .nullable()
      .describe('What is still to be done with it; null: nothing'),
    deliveries: z.array(delivery).describe('The newest hundred'),
  })
  .meta({ id: 'EventDetail' });

export const eventList = z.object({
  data: z.array(event).describe('Newest first'),
  nextCursor: z.string().nullable().describe('For the next page; null: there are no more'),
  truncated: z.boolean().describe('The time was up before the page was full: go on with `nextCursor`'),
});

export const eventQuery = z
  .strictObject({
    source: z.string().min(1).max(64).optional(),
    type: z
      .string()
      .regex(/^[A-Za-z0-9_.[\]-]{0,200}\*?$/, { error: 'write a type, or a beginning and *' })
      .min(1)
      .optional()
      .describe('`invoice.paid`; a `*` at the end stands for any rest'),
    subject: z.string().min(1).max(200).optional(),
    id: z
      .string()
      .min(1)
      .max(2_700)
      .optional()
      .describe(
        'The provider’s id (`evt_…`, `wamid.…`, with all its statuses) or ours. Found at once; stands alone or with `source`',
      ),
    key: z
      .string()
      .min(1)
      .max(2_700)
      .optional()
      .describe('The dedupe key, whole. Found at once; stands alone or with `source`'),
    from: timeParameter.transform(asDate).optional().describe('Received at or after'),
    to: timeParameter.transform(asDate).optional().describe('Received before'),
    text: z
      .string()
      .min(3)
      .max(200)
      .optional()
      .describe('Somewhere in the payload, upper and lower case alike; needs a range of at most 7 days'),
    ...paging,
  })
  .superRefine(({ id: its, key, type, subject, text, from, to }, context) => {
    const fault = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    const alone = (path: string, ...others: readonly unknown[]) => {
      if (others.some((other) => other !== undefined)) fault(path, 'stands alone or with source');
    };
    if (its !== undefined) alone('id', key, type, subject, text, from, to);
    else if (key !== undefined) alone('key', type, subject, text, from, to);
    if (from !== undefined && to !== undefined && from >= to) fault('to', 'must be after from');
    if (text === undefined) return;
    if (from === undefined) fault('from', 'is needed with text');
    else if ((to ?? new Date()).getTime() - from.getTime() > MAX_SEARCH_DAYS * DAY_MS) {
      fault('from', `with text the range may be ${MAX_SEARCH_DAYS} days at most`);
    }
  });
