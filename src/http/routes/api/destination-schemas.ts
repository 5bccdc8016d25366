/** What a destination looks like in the API. */
import { z } from 'zod';
import {
  DEFAULT_CONCURRENCY,
  DEFAULT_FORMAT,
  DEFAULT_MAX_LENGTH,
  DEFAULT_ORDERING,
  DEFAULT_RETRY_SCHEDULE,
  DEFAULT_SIGNING,
  DEFAULT_TIMEOUT_MS,
  DESTINATION_STATES,
  type DestinationSettings,
  FORMATS,
  ORDERINGS,
  SIGNINGS,
} from '../../../core/destination.ts';
import { id, time } from '../../api/schemas.ts';

const DAY = 86_400;

const name = z
  .string()
  .regex(/^[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,62}[A-Za-z0-9])?$/, {
    error: 'write 1 to 64 letters, digits, spaces or ._- that begin and end with a letter or digit',
  })
  .describe('Unique; stands in metrics');

const target = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('http'), url: z.string().min(1).max(2_000) }),
    z.strictObject({
      kind: z.literal('redis_stream'),
      stream: z.string().min(1).max(500).describe('Key of the stream in `REDIS_URL`'),
      maxLength: z
        .int()
        .min(1)
        .max(1_000_000_000)
        .default(DEFAULT_MAX_LENGTH)
        .describe('It is trimmed to about so many entries'),
    }),
  ])
  .describe('Whom deliveries are sent to');

export const filter = z
  .strictObject({
    sources: z
      .array(z.string().regex(/^[a-z0-9-]{1,64}$/, { error: 'write the name of a source, such as stripe' }))
      .min(1)
      .max(50)
      .nullable()
      .default(null)
      .describe('Names of sources; null: all but `gateway`, which sends what the gateway tells of itself'),
    types: z
      .array(z.string().regex(/^(?:[A-Za-z0-9_.[\]-]{1,200}\*?|\*)$/, { error: 'write a type, or a beginning and *' }))
      .min(1)
      .max(200)
      .default(['*'])
      .describe('Types such as `invoice.paid`; a `*` at the end stands for any rest'),
    condition: z
      .record(z.string(), z.unknown())
      .nullable()
      .default(null)
      .describe('A query over the payload in MongoDB’s form; null: none'),
  })
  .describe('Which events it is owed');

const headers = z
  .record(z.string().min(1).max(200), z.string().max(8_192))
  .refine((values) => Object.keys(values).length <= 50, { error: 'at most 50 headers' });

const fields = {
  name,
  target,
  filter,
  format: z
    .enum(FORMATS)
    .describe('`event`: our envelope; `native`: the provider’s own form; `original`: the exact bytes'),
  signing: z
    .enum(SIGNINGS)
    .describe('`standard`: Standard Webhooks; `provider`: as the provider signs; `none`, always for a stream'),
  secrets: z
    .array(z.string().min(8).max(500))
    .max(5)
    .describe(
      'The first signs, with `standard` all do; never shown again. With `standard` and none given, one is made',
    ),
  headers: headers.describe('Sent with every delivery'),
  secretHeaders: headers.describe('The same, encrypted at rest and never shown again'),
  timeoutMs: z.int().min(100).max(120_000).describe('Milliseconds for an answer'),
  concurrency: z.int().min(1).max(1_000).describe('Deliveries under way at a time, over all processes'),
  ratePerSecond: z.number().min(0.001).max(10_000).nullable().describe('Deliveries a second at most; null: no limit'),
  retrySchedule: z
    .array(
      z
        .int()
        .min(1)
        .max(7 * DAY),
    )
    .max(50)
    .describe('Seconds before each further attempt; after the last a delivery is dead'),
  ordering: z.enum(ORDERINGS).describe('`subject`: of each subject one after the other'),
};

export const newDestination = z
  .strictObject({
    ...fields,
    filter: filter.prefault({}),
    format: fields.format.default(DEFAULT_FORMAT),
    signing: fields.signing.optional(),
    secrets: fields.secrets.default([]),
    headers: fields.headers.default({}),
    secretHeaders: fields.secretHeaders.default({}),
    timeoutMs: fields.timeoutMs.default(DEFAULT_TIMEOUT_MS),
    concurrency: fields.concurrency.default(DEFAULT_CONCURRENCY),
    ratePerSecond: fields.ratePerSecond.default(null),
    retrySchedule: fields.retrySchedule.default([...DEFAULT_RETRY_SCHEDULE]),
    ordering: fields.ordering.default(DEFAULT_ORDERING),
  })
  .transform(
    (given): DestinationSettings => ({
      ...given,
      signing: given.signing ?? DEFAULT_SIGNING[given.target.kind],
    }),
  );

export const destinationChange = z
  .strictObject(fields)
  .partial()
  .refine((given) => Object.keys(given).length > 0, { error: 'name at least one field' })
  .transform((given) => given as Partial<DestinationSettings>);

export const destination = z
  .object({
    id,
    ...fields,
    state: z.enum(DESTINATION_STATES).describe('`auto_paused`: by the gateway, after it kept failing or answered 410'),
  })
  .omit({ secrets: true, secretHeaders: true })
  .extend({
    secretCount: z.int(),
    secretHeaderNames: z.array(z.string()),
    pauseReason: z.string().nullable(),
    createdAt: time,
    updatedAt: time,
    health: z
      .object({
        failures: z.int().describe('In a row'),
        failingSince: time.nullable(),
        circuitOpen: z.boolean().describe('True: only now and then one is sent, to find out whether it is back'),
        nextProbeAt: time.nullable(),
        deliveredAt: time.nullable().describe('The last success'),
      })
      .nullable()
      .describe('Null until the first event is owed there'),
  })
  .meta({ id: 'Destination' });
