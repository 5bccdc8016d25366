import { expect, it } from 'vitest';
import type { AttemptReport } from '../../src/core/delivery.ts';
import { StoreError } from '../../src/core/errors.ts';
import type { PausedDestination } from '../../src/core/own-event.ts';
import { ReportOutbox } from '../../src/delivery/report-outbox.ts';

const away = () => new StoreError('unavailable', 'PostgreSQL is away');
const refused = () => new StoreError('data', 'a value that cannot be stored', '22021');

function reportOf(deliveryId: string): AttemptReport {
  return {
    id: `attempt of ${deliveryId}`,
    owner: 'worker',
    deliveryId,
    destinationId: 'shop',
    number: 1,
    startedAt: new Date(),
    durationMs: 1,
    answer: { status: 200, headers: { server: 'x' }, body: Buffer.from('thanks') },
    failure: null,
    error: null,
    next: { state: 'delivered' },
    destinationHealthy: true,
    probe: false,
    retryAfterMs: null,
    pause: null,
  };
}

/** @param check throws where the store would */
function open(check: (reports: readonly AttemptReport[]) => void = () => undefined, paused: PausedDestination[] = []) {
  const told: PausedDestination[] = [];
  const groups: (readonly AttemptReport[])[] = [];
  const dropped: string[] = [];
  const store = {
    async report(reports: readonly AttemptReport[]) {
      check(reports);
      groups.push(reports);
      return paused;
    },
  };
  const outbox = new ReportOutbox({
    store,
    onPaused: (destinations) => void told.push(...destinations),
    onDropped: ({ deliveryId }) => void dropped.push(deliveryId),
  });
  const arrived = () => groups.flat().map(({ deliveryId }) => deliveryId);
  return { outbox, groups, dropped, told, arrived };
}
const names = (count: number) => Array.from({ length: count }, (_, index) => `d${index}`);

it('sends in groups, in order', async () => {
  const { outbox, groups, arrived } = open();
  for (const name of names(1_200)) outbox.add(reportOf(name));
  expect(outbox.size).toBe(1_200);
  await outbox.flush();
  expect(outbox.size).toBe(0);
  expect(groups.map(({ length }) => length)).toEqual([500, 500, 200]);
  expect(arrived()).toEqual(names(1_200));
});

it('tells of destinations that were paused, once they are', async () => {
  const pause = { id: 'shop', name: 'shop', reason: 'gone', failingSince: null, at: new Date() };
  let outage = true;
  const { outbox, told } = open(() => {
    if (outage) throw away();
  }, [pause]);
  outbox.add(reportOf('one'));
  await expect(outbox.flush()).rejects.toThrow('away');
  expect(told).toEqual([]);
  outage = false;
  await outbox.flush();
  expect(told).toEqual([pause]);
});

it('keeps everything while the store takes nothing, and sends nothing twice afterwards', async () => {
  let outage = true;
  const { outbox, arrived } = open(() => {
    if (outage) throw away();
  });
  for (const name of names(60)) outbox.add(reportOf(name));
  await expect(outbox.flush()).rejects.toThrow('away');
  expect(outbox.size).toBe(60);
  outage = false;
  await Promise.all([outbox.flush(), outbox.flush()]);
  expect(arrived()).toEqual(names(60));
});

it('records one whose answer cannot be stored without it, and the others as they are', async () => {
  const { outbox, groups, dropped, arrived } = open((reports) => {
    if (reports.some(({ deliveryId, answer }) => deliveryId === 'd1' && answer?.body.length)) throw refused();
  });
  for (const name of names(3)) outbox.add(reportOf(name));
  await outbox.flush();
  expect(arrived()).toEqual(names(3));
  expect(groups.flat().map(({ answer }) => answer?.body.toString())).toEqual(['thanks', '', 'thanks']);
  expect(groups.flat()[1]?.answer).toMatchObject({ status: 200, headers: {} });
  expect(dropped).toEqual([]);
});

it('drops one that the store refuses in any form, and tells so', async () => {
  const { outbox, dropped, arrived } = open((reports) => {
    if (reports.some(({ deliveryId }) => deliveryId === 'd1')) throw refused();
  });
  for (const name of names(3)) outbox.add(reportOf(name));
  await outbox.flush();
  expect(arrived()).toEqual(['d0', 'd2']);
  expect(dropped).toEqual(['d1']);
  expect(outbox.size).toBe(0);
});

it('drops nothing if an outage begins while it looks for the one at fault', async () => {
  let calls = 0;
  const { outbox, dropped, arrived } = open(() => {
    calls++;
    if (calls === 1) throw refused();
    if (calls === 3) throw away();
  });
  for (const name of names(3)) outbox.add(reportOf(name));
  await expect(outbox.flush()).rejects.toThrow('away');
  await outbox.flush();
  expect(arrived()).toEqual(names(3));
  expect(dropped).toEqual([]);
});
