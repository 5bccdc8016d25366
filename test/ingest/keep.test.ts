/** Where a verified request goes: PostgreSQL, the spool, or back to the provider. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Refusal, SpoolError } from '../../src/core/errors.ts';
import type { VerifiedRequest } from '../../src/core/event.ts';
import type { Spool } from '../../src/core/spool.ts';
import { ByteBudget } from '../../src/ingest/byte-budget.ts';
import { createKeep } from '../../src/ingest/keep.ts';
import { StoreBreaker } from '../../src/ingest/store-breaker.ts';
import { request } from '../support/held-store.ts';
import { openTempSpool, type TempSpool } from '../support/temp-spool.ts';

let temp: TempSpool;
beforeEach(async () => {
  temp = await openTempSpool();
});
afterEach(() => temp.destroy());

const away = () => Promise.reject(new Refusal('unavailable', 'away'));
const stores = () => Promise.resolve(1);
const fullSpool = { append: () => Promise.reject(new SpoolError('full', 'no room')) };

/** Keeps one request, and tells how, what PostgreSQL was asked, and how many bytes are held afterwards. */
async function keepOne(
  submit: (request: VerifiedRequest) => Promise<number>,
  options: { spool?: Pick<Spool, 'append'> | null; open?: boolean } = {},
) {
  const breaker = new StoreBreaker({ onOpen: () => undefined, onClose: () => undefined });
  if (options.open) for (let n = 0; n < 3; n++) breaker.failed('away');
  const budget = new ByteBudget({ maxBytes: 1024 });
  const lease = budget.open(() => undefined);
  lease.add(10);
  lease.complete();
  let asked = 0;
  const failures: string[] = [];
  const writer = {
    submit(submitted: VerifiedRequest, held: { release(): void }) {
      asked++;
      return submit(submitted).finally(() => held.release());
    },
  };
  const spool = options.spool === undefined ? temp.spool : options.spool;
  const keep = createKeep({ writer, spool, breaker, onSpoolFailure: ({ fault }) => failures.push(fault) });
  const kept = await keep(request(), lease).catch((refusal: Refusal) => refusal.message);
  lease.release();
  return { kept, asked, failures, open: breaker.open, held: budget.used, spooled: temp.spool.counts().records };
}

test('what PostgreSQL takes is not spooled', async () => {
  expect(await keepOne(stores)).toMatchObject({ kept: 1, asked: 1, spooled: 0, held: 0 });
});

test('what PostgreSQL does not take is spooled', async () => {
  expect(await keepOne(away)).toMatchObject({ kept: null, asked: 1, spooled: 1, held: 0 });
});

test('with an open breaker it is spooled at once', async () => {
  expect(await keepOne(stores, { open: true })).toMatchObject({ kept: null, asked: 0, spooled: 1 });
});

test('what neither takes is refused, for PostgreSQL’s reason', async () => {
  expect(await keepOne(away, { spool: fullSpool })).toMatchObject({ kept: 'away', asked: 1, failures: ['full'] });
  expect(await keepOne(away, { spool: fullSpool, open: true })).toMatchObject({ kept: 'away', asked: 1, open: true });
});

test('with an open breaker and a spool that takes nothing, PostgreSQL is asked after all; a commit closes the breaker', async () => {
  const result = await keepOne(stores, { spool: fullSpool, open: true });
  expect(result).toMatchObject({ kept: 1, asked: 1, failures: ['full'], open: false, held: 0 });
});

test('a process without a spool refuses what PostgreSQL does not take', async () => {
  expect(await keepOne(away, { spool: null })).toMatchObject({ kept: 'away', spooled: 0, held: 0 });
});
