/** The ledger would show a loss: everything else in this suite relies on it. */
import { expect, test } from 'vitest';
import { compare, type StoredEvent, tally } from './ledger.ts';

const sent = (key: string, ...outcomes: string[]) => ({ source: 'stripe', keys: [key], sha256: `of ${key}`, outcomes });
const row = (key: string, overrides: Partial<StoredEvent> = {}): StoredEvent => {
  return { source: 'stripe', dedupe_key: key, sha256: `of ${key}`, accounted: true, ...overrides };
};

test('what was answered 200 and is not stored is lost; what was refused is not', () => {
  const webhooks = [sent('a', '503', '200 stored'), sent('b', '200 spooled'), sent('c', '503')];
  expect(compare(webhooks, [row('a')])).toEqual({ lost: ['stripe b'], twice: [], damaged: [], invented: [] });
});

test('a second row, other bytes, a missing request, one neither owed nor projected, and a stranger are found', () => {
  const webhooks = ['a', 'b', 'c', 'd'].map((key) => sent(key, '200 stored'));
  const rows = [
    row('a'),
    row('a'),
    row('b', { sha256: 'another' }),
    row('c', { sha256: null }),
    row('d', { accounted: false }),
  ];
  expect(compare(webhooks, [...rows, row('a', { source: 'whatsapp' })])).toEqual({
    lost: [],
    twice: ['stripe a'],
    damaged: ['stripe b', 'stripe c', 'stripe d'],
    invented: ['whatsapp a'],
  });
});

test('attempts are counted by how they ended', () => {
  const webhooks = [
    sent('a', 'connect ECONNREFUSED 127.0.0.1:1', '503', '200 spooled', '200 stored'),
    sent('b', 'read ECONNRESET', 'socket hang up, on a kept connection', '200 stored', '200 stored'),
    sent('c', '500', '503 without Retry-After', '200 duplicate'),
  ];
  expect(tally(webhooks)).toEqual({
    attempts: 11,
    refused: 3,
    faults: 3,
    cut: { kept: 1, others: 1 },
    spooled: 1,
    storedTwice: 1,
    odd: { '500': 1, '503 without Retry-After': 1 },
  });
});
