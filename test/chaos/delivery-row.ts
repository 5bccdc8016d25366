/** A row of the table that delivers: one process that takes webhooks, others that dispatch and deliver, and a receiver. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { addDestination, type DestinationColumns } from '../support/deliveries.ts';
import { until } from '../support/until.ts';
import {
  compareDeliveries,
  type DeliveryDifferences,
  type Expectations,
  type Repeats,
  readBooks,
} from './delivery-ledger.ts';
import { FULL } from './form.ts';
import { type Receiving, type ReceivingOptions, startReceiving } from './receiving.ts';
import type { Receipt } from './receiving-process.ts';
import { type Row, type RowOptions, withRow } from './row.ts';
import { type Workers, withWorkers } from './workers.ts';

/** Milliseconds for an answer, more than any machine makes it wait. A lease runs for half a minute longer. */
const TIMEOUT_MS = 5_000;
const LEASE_SECONDS = TIMEOUT_MS / 1_000 + 30;
/** Milliseconds until everything that was owed has been delivered, leases of dead workers included. */
const DELIVERED_WITHIN = 120_000;
/**
 * Seconds after which, in the short form, a lease is taken for that of a dead worker: a living one has had its answer and
 * reported it, or, where PostgreSQL was away, will have done so by its next attempt.
 */
const DEAD_AFTER = { kill: 6, outage: 15 };
/** Milliseconds between two looks: there may be many rows to count. */
const BETWEEN_LOOKS = 100;

export interface DeliveryParts {
  readonly row: Row;
  readonly workers: Workers;
  readonly receiver: Receiving;
}

export async function withDeliveries(
  options: RowOptions & ReceivingOptions & { readonly workers: number },
  use: (parts: DeliveryParts) => Promise<void>,
): Promise<void> {
  const receiver = await startReceiving(options);
  try {
    await withRow({ ...options, env: { ROLE: 'ingest', ...options.env } }, async (row) => {
      await row.startDaemon();
      await withWorkers(row, options.workers, (workers) => use({ row, workers, receiver }));
    });
  } finally {
    await receiver.kill();
  }
}

/** One that is owed everything, at a path of the receiver. */
export function openDestination(
  { row, receiver }: Pick<DeliveryParts, 'row' | 'receiver'>,
  name: string,
  columns: Partial<DestinationColumns> = {},
): Promise<string> {
  // A worker that is killed leaves its leases behind, which count until they run out: there must be room beside them.
  const usual = { name, url: `${receiver.url}/${name}`, timeout_ms: TIMEOUT_MS, concurrency: 100 };
  return addDestination({ query: (sql, parameters) => row.query(sql, parameters) }, { ...usual, ...columns });
}

export interface DeliverySettleOptions extends Pick<Expectations, 'explains'> {
  /** Default: every event to every destination. */
  readonly owes?: Expectations['owes'];
  readonly receipts: () => Promise<readonly Receipt[]>;
  /** What has left leases behind. Default: an outage. */
  readonly after?: keyof typeof DEAD_AFTER;
  /** Events that the test has stored by itself. */
  readonly others?: number;
  /** For the report. */
  readonly note: (found: Repeats) => Promise<string> | string;
}

/** The row's own ledger and that of the deliveries: everything owed once to each destination, delivered, and arrived. */
export async function settleDeliveries(row: Row, options: DeliverySettleOptions): Promise<Repeats> {
  const { explains, owes = () => true, receipts, after = 'outage', others = 0, note } = options;
  let found: (DeliveryDifferences & Repeats) | undefined;
  await row.settle({
    others,
    async note() {
      await allFinished(row, after);
      found = compareDeliveries(await readBooks((sql) => row.query(sql)), await receipts(), { explains, owes });
      return note(found);
    },
  });
  const { receipts: count = 0, repeated = 0, ...differences } = found ?? {};
  const none: readonly string[] = [];
  expect(differences).toEqual({
    unowed: none,
    owedTwice: none,
    undelivered: none,
    neverArrived: none,
    unknown: none,
    otherBody: none,
    needless: none,
  });
  return { receipts: count, repeated };
}

/** After an outage: resolves when so many deliveries have been recorded as delivered. */
export function deliveredAgain(row: Row, count: number): Promise<unknown> {
  const sql = `SELECT FROM deliveries WHERE state = 'delivered' HAVING count(*) >= $1`;
  const condition = async () => (await row.query(sql, [count])).length === 1;
  return inTime(`${count} to be delivered`, row, 'outage', condition);
}

function allFinished(row: Row, after: keyof typeof DEAD_AFTER): Promise<unknown> {
  const sql = `SELECT FROM deliveries WHERE state IN ('pending', 'sending') LIMIT 1`;
  return inTime('every delivery to be finished', row, after, async () => (await row.query(sql)).length === 0);
}

function inTime(what: string, row: Row, after: keyof typeof DEAD_AFTER, condition: () => Promise<boolean>) {
  const wait = async () => {
    await sleep(BETWEEN_LOOKS);
    if (!FULL) await endLeases(row, DEAD_AFTER[after]);
    return condition();
  };
  return until(what, wait, DELIVERED_WITHIN);
}

/** Those that have run for so many seconds. */
async function endLeases(row: Row, seconds: number): Promise<void> {
  await row.query(
    `UPDATE deliveries SET lease_until = now()
      WHERE state = 'sending' AND lease_until > now() AND lease_until < now() + $1 * interval '1 second'`,
    [LEASE_SECONDS - seconds],
  );
}
