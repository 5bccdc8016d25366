import { describe, expect, it } from 'vitest';
import { REPLAY_COLUMNS } from '../../../src/cli/api/replay-columns.ts';
import { table } from '../../../src/cli/api/table.ts';
import { REPLAY_STATES } from '../../../src/core/replay.ts';

type Replay = Parameters<(typeof REPLAY_COLUMNS)[number]['value']>[0];

const REPLAY = {
  id: '019aa0f2-71c0-7d4b-9a33-0f2b7c1d5e90',
  state: 'running',
  events: null,
  filter: { sources: null, types: ['customer.subscription.updated', 'invoice.*'], condition: null },
  from: '2026-11-19T10:00:07.123Z',
  to: '2026-11-20T10:00:07.456Z',
  createdAt: '2026-11-20T10:00:07.456Z',
  owed: 999_999,
  progress: 0.379,
} as unknown as Replay;

const linesOf = (changes: Partial<Replay>) =>
  table(REPLAY_COLUMNS, [{ ...REPLAY, ...changes }], 100)
    .trimEnd()
    .split('\n');

it('shows when, how far, how much and what', () => {
  expect(linesOf({ owed: 12, filter: { ...REPLAY.filter, types: ['invoice.*'] } as Replay['filter'] })).toEqual([
    'at (UTC)     state         owed  what       from (UTC)        id',
    `11-20 10:00  running 37 %  12    invoice.*  11-19 10:00, 24h  ${REPLAY.id}`,
  ]);
});

describe.each(REPLAY_STATES)('%s', (state) => {
  it.each([0.5, 1])('fits 100 columns at %d', (progress) => {
    const [head, line] = linesOf({ state, progress });
    for (const one of [head, line]) expect(one?.length).toBeLessThanOrEqual(100);
    expect(line).toContain(REPLAY.id);
    expect(line).toContain('11-19 10:00, 24h');
  });
});
