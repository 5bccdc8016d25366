import { expect, it } from 'vitest';
import { ProgressDisplay } from '../../../src/cli/rebuild/progress-display.ts';

function display(isTTY: boolean) {
  const written: string[] = [];
  let now = 0;
  const shown = new ProgressDisplay({ isTTY, columns: 100, write: (text) => written.push(text) }, () => now);
  return {
    written,
    clear: () => shown.clear(),
    at(seconds: number, read: number, total: number | null = 10_000) {
      now = seconds * 1000;
      shown.show({ read, total });
    },
  };
}

it('draws a bar over itself on a terminal, with the rate since it began and the time left', () => {
  const { at, written, clear } = display(true);
  at(0, 4_000);
  at(0.05, 4_100);
  expect(written).toEqual([]);
  at(2, 5_000);
  at(4, 10_000);
  expect(written).toEqual([
    '\r[############------------] 50 %, 5,000 of 10,000 events, 500 events/s, 10 s left\x1b[K',
    '\r[########################] 100 %, 10,000 of 10,000 events, 1,500 events/s, 0 s left\x1b[K',
  ]);
  clear();
  clear();
  expect(written.slice(2)).toEqual(['\r\x1b[K']);
});

it('writes a plain line every ten seconds elsewhere, and nothing if it is done before', () => {
  const { at, written, clear } = display(false);
  at(0, 0);
  at(9, 900);
  clear();
  expect(written).toEqual([]);
  at(10, 1_000);
  at(15, 1_500);
  at(20, 2_000);
  expect(written).toEqual([
    '10 %, 1,000 of 10,000 events, 100 events/s, 1 min 30 s left\n',
    '20 %, 2,000 of 10,000 events, 100 events/s, 1 min 20 s left\n',
  ]);
});

it('promises no end where the number of events is not known', () => {
  const { at, written } = display(false);
  at(0, 0, null);
  at(10, 40, null);
  expect(written).toEqual(['40 events, 4 events/s\n']);
});

it('never tells more than all, though events come meanwhile', () => {
  const { at, written } = display(false);
  at(0, 0, 10);
  at(10, 11, 10);
  at(20, 20, 0);
  expect(written[0]).toBe('100 %, 11 of 10 events, 1 events/s, 0 s left\n');
  expect(written[1]).toContain('100 %');
});
