/** What most rows have in common: a fault that lasts for a while, and during which nothing may be refused. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { sumMetric } from '../support/metrics.ts';
import type { Latency } from '../support/percentiles.ts';
import { FULL, LIMITS } from './form.ts';
import type { Outcome } from './ledger.ts';
import type { Row } from './row.ts';

export interface Fault {
  readonly seconds: number;
  readonly begin: () => Promise<unknown> | unknown;
  readonly end: () => Promise<unknown> | unknown;
  /** False where PostgreSQL goes on committing, so that nothing need be spooled. Default true. */
  readonly spools?: boolean;
}

/** Loads the row's daemon, lets the fault come, last and go, and settles. */
export async function rideOut(row: Row, { seconds, begin, end, spools = true }: Fault): Promise<Outcome> {
  await row.startSender();
  await row.more('200 stored', 50);
  await row.sender.enter('fault');
  await begin();
  if (spools) await row.more('200 spooled', 1);
  await sleep(seconds * 1_000);
  if (spools) await expectSpooling(row);
  await end();
  await row.sender.enter('recovery');
  await row.spoolEmpty();
  await row.more('200 stored', 20);
  return row.settle();
}

/** To the load balancer the daemon is as ready as ever; to whoever looks closer it spools. */
export async function expectSpooling(row: Row): Promise<void> {
  const ready = await fetch(`${row.url}/ready`);
  expect(ready.status).toBe(200);
  expect(await ready.json()).toMatchObject({ status: 'spooling' });
  expect(await row.metric('webhook_breaker_open')).toBe(1);
  expect(await row.metric('webhook_spool_records')).toBeGreaterThan(0);
  expect(await row.metric('webhook_spool_bytes')).toBeGreaterThan(0);
  expect(await row.metric('webhook_spool_oldest_seconds')).toBeGreaterThan(0);
}

/** No webhook met anything but a 200, and the daemon counts it so too. */
export async function expectNothingRefused(row: Row, { refused, faults }: Outcome): Promise<void> {
  expect({ refused, faults, counted: await refusalsOf(row) }).toEqual({ refused: 0, faults: 0, counted: 0 });
}

/** Refused webhooks, as the daemon has counted them since its start. */
export async function refusalsOf({ url }: Row): Promise<number> {
  const count = (outcome: string) => sumMetric(url, 'webhook_requests_total', `outcome="${outcome}"`);
  return (await count('unavailable')) + (await count('overloaded'));
}

/** The limits of the table, in the full form: while the fault lasts, and while the spool is drained. */
export function expectInTime({ latency, spoolEmptyMs }: Outcome): void {
  if (!FULL) return;
  for (const phase of ['fault', 'recovery']) expectQuick(phase, latency[phase]);
  expect(spoolEmptyMs ?? 0).toBeLessThan(LIMITS.spoolEmptyMs);
}

function expectQuick(phase: string, latency: Latency | undefined): void {
  if (latency === undefined) return;
  expect(latency.p50, `median, ${phase}`).toBeLessThan(LIMITS.medianMs);
  expect(latency.p99, `p99, ${phase}`).toBeLessThan(LIMITS.p99Ms);
}
