/** What a replay looks like in the API, and how one is ordered. */
import { z } from 'zod';
import { conditionFaults } from '../../../core/condition.ts';
import type { RefusalDetail } from '../../../core/errors.ts';
import { REPLAY_STATES, type ReplayDetail, type ReplayScope, type ReplaySummary } from '../../../core/replay.ts';
import { asDate, id, time, timeParameter } from '../../api/schemas.ts';
import { filter } from './destination-schemas.ts';

/** Nothing that the gateway has is older. */
const EARLIEST = new Date('2000-01-01T00:00:00Z');

const { sources, types, condition } = filter.shape;
/** What goes with a range, and not with a list of events. */
const OF_RANGES = ['from', 'to', 'sources', 'types', 'condition'] as const;

const fields = z.strictObject({
  events: z.array(id).min(1).max(1_000).optional().describe('These events; those that are gone are left out'),
  from: timeParameter.transform(asDate).optional().describe('Or those received at or after'),
  to: timeParameter.transform(asDate).optional().describe('Received before; absent, or later than now: now'),
  sources: sources.unwrap().optional().describe('Of these sources; absent: as for destinations'),
  types: types.unwrap().optional().describe('Of these types; a `*` at the end stands for any rest. Absent: all'),
  condition: condition.unwrap().optional().describe('Whose payload meets this query in MongoDB’s form'),
  destinations: z.array(id).min(1).max(1_000).optional().describe('To these destinations; absent: to all of them'),
  ignoreFilter: z
    .boolean()
    .default(false)
    .describe('False: a destination gets only what passes its own filter, as it is now'),
  ratePerSecond: z
    .number()
    .min(0.001)
    .max(10_000)
    .nullable()
    .default(null)
    .describe('Events a second at most, of those that are owed to somebody; null: as fast as it goes'),
});

export type NewReplay = z.output<typeof fields>;

export const newReplay = fields.superRefine((given, context) => {
  for (const { path, message } of [...scopeFaults(given), ...conditionFaultsOf(given)]) {
    context.addIssue({ code: 'custom', path: [path], message });
  }
});

function scopeFaults(given: NewReplay): RefusalDetail[] {
  const { events, from, to } = given;
  const fault = (path: string, message: string): RefusalDetail[] => [{ path, message }];
  if (events !== undefined) {
    const wrong = OF_RANGES.filter((field) => given[field] !== undefined);
    return wrong.flatMap((field) => fault(field, 'cannot stand with events: name either events or a range'));
  }
  if (from === undefined) return fault('from', 'is needed without events: write a time such as 2026-05-01T00:00:00Z');
  if (from < EARLIEST) return fault('from', 'must not be before 2000');
  if (from >= new Date()) return fault('from', 'must not lie in the future');
  return to !== undefined && from >= to ? fault('to', 'must be after from') : [];
}

function conditionFaultsOf({ condition: asked }: NewReplay): RefusalDetail[] {
  return conditionFaults(asked ?? {}).map(({ path, message }) => ({
    path: path === '' ? 'condition' : `condition.${path}`,
    message,
  }));
}

export function scopeOf({ events, from, to, ...given }: NewReplay, now: Date): ReplayScope {
  if (events !== undefined) return { kind: 'events', eventIds: events };
  return {
    kind: 'filter',
    filter: { sources: given.sources ?? null, types: given.types ?? ['*'], condition: given.condition ?? null },
    from: from ?? now,
    to: to === undefined || to > now ? now : to,
  };
}

export const replay = z
  .object({
    id,
    state: z
      .enum(REPLAY_STATES)
      .describe(
        '`done`: everything is owed, not yet delivered. `cancelling`: until what is under way has ended. `failed`: see `error`',
      ),
    events: z.array(id).nullable().describe('Null: by filter and range'),
    filter: z
      .object({
        sources: z.array(z.string()).nullable(),
        types: z.array(z.string()),
        condition: z.record(z.string(), z.unknown()).nullable(),
      })
      .nullable(),
    from: time.nullable(),
    to: time.nullable(),
    destinations: z.array(id).nullable().describe('Null: all that there are when an event’s turn comes'),
    ignoreFilter: z.boolean(),
    ratePerSecond: z.number().nullable(),
    createdBy: z.string().describe('Id of a key, or `ADMIN_API_KEY`'),
    createdAt: time,
    finishedAt: time.nullable(),
    scanned: z.int().describe('Events looked at'),
    matched: z.int().describe('Of those, owed to at least one destination'),
    owed: z.int().describe('Deliveries made'),
    progress: z.number().min(0).max(1).describe('How much of the range, or of the list, has been walked'),
    error: z.string().nullable(),
  })
  .meta({ id: 'Replay' });

export const replayDetail = replay
  .extend({
    deliveries: z
      .object({
        pending: z.int().describe('Those under way too'),
        delivered: z.int(),
        dead: z.int(),
        cancelled: z.int(),
      })
      .describe('What became of them, as long as they are on record'),
  })
  .meta({ id: 'ReplayDetail' });

export function replayView({ scope, destinationIds, ...rest }: ReplaySummary | ReplayDetail) {
  const none = { events: null, filter: null, from: null, to: null };
  const { kind, ...own } = scope.kind === 'events' ? { kind: scope.kind, events: scope.eventIds } : scope;
  return { ...none, ...own, ...rest, destinations: destinationIds };
}
