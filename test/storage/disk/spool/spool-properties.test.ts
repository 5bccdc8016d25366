/** Any sequence of appends, drains, faults, crashes and damage: nothing acknowledged is lost, and nothing is invented. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Spool } from '../../../../src/core/spool.ts';
import { FaultyFiles } from './faulty-files.ts';
import { appendEach, asSpooled, drain, EVERYTHING, ids, inPlace, request } from './spool-place.ts';

type Step =
  | { readonly kind: 'append'; readonly sizes: readonly number[]; readonly room: number | null }
  | { readonly kind: 'drain'; readonly records: number; readonly removed: number; readonly rejected: boolean }
  | { readonly kind: 'crash' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      sizes: fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 6 }),
      room: fc.option(fc.integer({ min: 0, max: 6_000 }), { freq: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('drain' as const),
      records: fc.integer({ min: 1, max: 12 }),
      removed: fc.integer({ min: 0, max: 12 }),
      rejected: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'crash' as const }) },
);

/** What is there as far as the outside may know. */
class Expected {
  /** Acknowledged, and not yet gone. */
  readonly owed = new Set<string>();
  /** Everything that may come back: also what was refused, and what was removed before a crash. */
  readonly possible = new Map<string, unknown>();
}

async function append(
  spool: Spool,
  files: FaultyFiles,
  expected: Expected,
  { sizes, room }: Step & { kind: 'append' },
) {
  files.room = room ?? Number.POSITIVE_INFINITY;
  const all = sizes.map((size) => request({ body: Buffer.alloc(size, 'any body') }));
  for (const one of all) expected.possible.set(one.id, asSpooled(one));
  await Promise.all(
    all.map((one) =>
      spool.append(one).then(
        () => void expected.owed.add(one.id),
        (error) => expect(error).toMatchObject({ name: 'SpoolError', fault: 'full' }),
      ),
    ),
  );
  files.room = Number.POSITIVE_INFINITY;
}

async function drainSome(spool: Spool, expected: Expected, { records, removed, rejected }: Step & { kind: 'drain' }) {
  const batch = await spool.peek({ records, bytes: 1024 ** 2 });
  for (const one of batch) expect(one).toEqual(expected.possible.get(one.id));
  expect(await spool.peek({ records, bytes: 1024 ** 2 })).toEqual(batch);
  const [first, ...rest] = batch;
  if (rejected && first) await spool.reject(first);
  const gone = [...(rejected ? [] : batch.slice(0, 1)), ...rest].slice(0, removed);
  await spool.remove(gone);
  for (const { id } of [...gone, ...(rejected && first ? [first] : [])]) expected.owed.delete(id);
}

it('whatever happens, what was acknowledged is there until it is removed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      await inPlace(async ({ open, directory }) => {
        const files = new FaultyFiles();
        // A disk that is full says so itself; the reserve is another test's.
        files.freeSpace = { free: 1024 ** 4, total: 1024 ** 4 };
        const options = { files, segmentBytes: 5_000 };
        let spool = await open(options);
        const expected = new Expected();
        for (const one of steps) {
          if (one.kind === 'append') await append(spool, files, expected, one);
          else if (one.kind === 'drain') await drainSome(spool, expected, one);
          else {
            // What a crash leaves is a copy of the files at that moment.
            const copy = `${directory}.copy`;
            cpSync(directory, copy, { recursive: true, filter: (path) => !path.endsWith('lock') });
            await spool.close();
            rmSync(directory, { recursive: true });
            cpSync(copy, directory, { recursive: true });
            rmSync(copy, { recursive: true });
            spool = await open(options);
          }
        }
        const left: string[] = [];
        for (let batch = await spool.peek(EVERYTHING); batch.length > 0; batch = await spool.peek(EVERYTHING)) {
          for (const record of batch) expect(record).toEqual(expected.possible.get(record.id));
          left.push(...ids(batch));
          await spool.remove(batch);
        }
        expect(new Set(left).size).toBe(left.length);
        expect([...expected.owed].filter((id) => !left.includes(id))).toEqual([]);
        expect(spool.counts()).toMatchObject({ records: 0, bytes: 0, oldest: null, corrupt: 0 });
      });
    }),
    { numRuns: 60 },
  );
});

it('whatever is damaged, the records that it does not touch come back', async () => {
  const damage = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 200 }),
  });
  const bodies = fc.array(fc.uint8Array({ maxLength: 500 }), { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(bodies, fc.array(damage, { maxLength: 4 }), async (contents, damages) => {
      await inPlace(async ({ open, directory, files }) => {
        const first = await open();
        const all = contents.map((body) => request({ body: Buffer.from(body) }));
        const offsets: number[] = [0];
        for (const one of all) {
          await appendEach(first, [one]);
          offsets.push(first.counts().bytes);
        }
        await first.close();
        const file = join(directory, files()[0] ?? '');
        const bytes = readFileSync(file);
        const before = Buffer.from(bytes);
        for (const { at, bytes: noise } of damages) Buffer.from(noise).copy(bytes, Math.floor(at * bytes.length));
        writeFileSync(file, bytes);

        const spool = await open();
        const untouched = all.filter((_, index) => {
          const [from, to] = [offsets[index], offsets[index + 1]];
          return bytes.subarray(from, to).equals(before.subarray(from, to));
        });
        expect(await drain(spool)).toEqual(ids(untouched));
        const { corrupt, torn } = spool.counts();
        expect(corrupt + torn > 0).toBe(untouched.length < all.length);
      });
    }),
    { numRuns: 100 },
  );
});
