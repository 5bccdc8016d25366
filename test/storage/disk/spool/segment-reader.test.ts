/** Damage of every kind to a segment that a spool wrote. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { VerifiedRequest } from '../../../../src/core/event.ts';
import type { SpoolCounts } from '../../../../src/core/spool.ts';
import { markerOf } from '../../../../src/storage/disk/spool/segment-name.ts';
import { SegmentReader } from '../../../../src/storage/disk/spool/segment-reader.ts';
import { nodeFiles } from '../../../../src/storage/disk/spool/spool-files.ts';
import { asSpooled, drain, EVERYTHING, ids, inPlace, type Place, request } from './spool-place.ts';

interface Written {
  readonly name: string;
  readonly bytes: Buffer;
  readonly requests: readonly VerifiedRequest[];
  /** Offset of each record, and of the end. */
  readonly offsets: readonly number[];
}

/** A segment as a spool leaves it. */
async function writeSegment({ open, files, directory }: Place): Promise<Written> {
  const spool = await open();
  const requests = [0, 1, 40, 0, 300].map((length) => request({ body: Buffer.alloc(length, 'body '), events: [] }));
  const offsets = [0];
  for (const one of requests) {
    await spool.append(one);
    offsets.push(spool.counts().bytes);
  }
  await spool.close();
  const name = files()[0] ?? '';
  return { name, bytes: await readFile(join(directory, name)), requests, offsets };
}

/** What the reader makes of these bytes. */
async function readBytes({ dataDir }: Place, { name }: Written, bytes: Buffer) {
  const path = join(dataDir, 'segment');
  await writeFile(path, bytes);
  const file = await nodeFiles.open(path, 'read');
  const reader = new SegmentReader(file, markerOf(name.split('/').at(-1) ?? ''), bytes.length);
  const found: { kind: string; offset: number; length: number }[] = [];
  for (let position = 0; ; ) {
    const next = await reader.at(position);
    if (next === null) break;
    const { kind, offset, length } = next;
    found.push({ kind, offset, length });
    position = offset + length;
  }
  await file.close();
  // Everything is accounted for, byte by byte.
  expect(found.reduce((sum, { length }) => sum + length, 0)).toBe(bytes.length);
  return {
    records: found.filter(({ kind }) => kind === 'record').map(({ offset }) => offset),
    torn: found.filter(({ kind }) => kind === 'torn').length,
    corrupt: found.filter(({ kind }) => kind === 'corrupt').length,
  };
}

describe('a segment', () => {
  it('cut at any length yields all whole records and nothing else', async () => {
    await inPlace(async (place) => {
      const written = await writeSegment(place);
      const { bytes, offsets } = written;
      const starts = offsets.slice(0, -1);
      for (let length = 0; length <= bytes.length; length++) {
        const whole = starts.filter((_, index) => (offsets[index + 1] ?? 0) <= length);
        const torn = offsets.includes(length) ? 0 : 1;
        expect(await readBytes(place, written, bytes.subarray(0, length))).toEqual({
          records: whole,
          torn,
          corrupt: 0,
        });
      }
    });
  });

  it('whose last bytes are zeros is torn there', async () => {
    await inPlace(async (place) => {
      const written = await writeSegment(place);
      const { bytes, offsets } = written;
      const starts = offsets.slice(0, -1);
      for (const zeros of [1, 31, 32, 33, 4096, 600_000]) {
        const longer = Buffer.concat([bytes, Buffer.alloc(zeros)]);
        expect(await readBytes(place, written, longer)).toEqual({ records: starts, torn: 1, corrupt: 0 });
        // Part of a head had reached the disk as well.
        const half = Buffer.concat([bytes, bytes.subarray(0, 20), Buffer.alloc(zeros)]);
        expect(await readBytes(place, written, half)).toEqual({ records: starts, torn: 1, corrupt: 0 });
      }
    });
  });

  it('in which any one byte is wrong yields every other record', async () => {
    await inPlace(async (place) => {
      const written = await writeSegment(place);
      const { bytes, offsets } = written;
      const starts = offsets.slice(0, -1);
      for (let at = 0; at < bytes.length; at++) {
        const damaged = Buffer.from(bytes);
        damaged[at] = (damaged[at] ?? 0) ^ 0x5a;
        const hit = starts.findLast((offset) => offset <= at);
        const records = starts.filter((offset) => offset !== hit);
        expect(await readBytes(place, written, damaged)).toEqual({ records, torn: 0, corrupt: 1 });
      }
    });
  });

  it('into which foreign bytes were put, or from which some were lost, yields the records that are whole', async () => {
    await inPlace(async (place) => {
      const written = await writeSegment(place);
      const { bytes, offsets } = written;
      const [, first = 0, second = 0, third = 0] = offsets;
      // Also so long that the next marker lies across the border of what is read at a time.
      const lengths = [1, 100, 700_000, ...Array.from({ length: 24 }, (_, index) => 256 * 1024 - 20 + index)];
      for (const length of lengths) {
        const foreign = Buffer.alloc(length, bytes.subarray(0, 9));
        const inserted = Buffer.concat([bytes.subarray(0, second), foreign, bytes.subarray(second)]);
        const shifted = offsets.slice(0, -1).map((offset) => (offset < second ? offset : offset + length));
        expect(await readBytes(place, written, inserted)).toEqual({ records: shifted, torn: 0, corrupt: 1 });
      }

      const shorter = Buffer.concat([bytes.subarray(0, first + 40), bytes.subarray(second)]);
      const lost = second - first - 40;
      const left = [0, second - lost, third - lost, (offsets[4] ?? 0) - lost];
      expect(await readBytes(place, written, shorter)).toEqual({ records: left, torn: 0, corrupt: 1 });
    });
  });
});

describe('a damaged segment in a spool', () => {
  /** Opens a spool on the damaged bytes, and drains it. */
  async function recover(place: Place, { name, requests }: Written, bytes: Buffer) {
    await mkdir(dirname(join(place.directory, name)), { recursive: true });
    await writeFile(join(place.directory, name), bytes);
    const spool = await place.open();
    const records = await spool.peek(EVERYTHING);
    for (const record of records) expect(requests.map(asSpooled)).toContainEqual(record);
    const drained = await drain(spool);
    const counts: SpoolCounts = spool.counts();
    return { drained, counts };
  }

  it('is drained past the damage, of which a copy is kept and the place is logged', async () => {
    await inPlace(async (place) => {
      const written = await writeSegment(place);
      const { bytes, offsets, requests } = written;
      const [, first = 0, second = 0] = offsets;
      bytes.write('XXXX', first + 5);
      const { drained, counts } = await recover(place, written, bytes);
      expect(drained).toEqual(ids(requests.filter((_, index) => index !== 1)));
      expect(counts).toMatchObject({ records: 0, bytes: 0, corrupt: 1, torn: 0 });
      const [left = ''] = place.files();
      expect(place.files()).toEqual([expect.stringMatching(/\.corrupt$/)]);
      expect(await readFile(join(place.directory, left))).toEqual(bytes.subarray(first, second));
      const fields = { file: written.name.split('/').at(-1), offset: first, length: second - first };
      expect(place.log).toContainEqual({ level: 'error', message: expect.any(String), fields });
      expect(JSON.stringify(place.log)).not.toContain('SECRET');
    });
  });

  it('whose last record is whole but wrong keeps that, too', async () => {
    await inPlace(async (place) => {
      const written = await writeSegment(place);
      const { bytes, requests } = written;
      bytes.write('X', bytes.length - 1);
      const { drained, counts } = await recover(place, written, bytes);
      expect(drained).toEqual(ids(requests.slice(0, -1)));
      expect(counts).toMatchObject({ corrupt: 1, torn: 0 });
    });
  });

  it('whose end is torn loses that only', async () => {
    await inPlace(async (place) => {
      const written = await writeSegment(place);
      const { bytes, requests } = written;
      const { drained, counts } = await recover(place, written, bytes.subarray(0, -1));
      expect(drained).toEqual(ids(requests.slice(0, -1)));
      expect(counts).toMatchObject({ records: 0, corrupt: 0, torn: 1 });
      expect(place.files()).toEqual([]);
    });
  });

  it('is set aside where a record is sound but not a request', async () => {
    await inPlace(async (place) => {
      const { encodeRecord, recordPieces } = await import('../../../../src/storage/disk/spool/record.ts');
      const written = await writeSegment(place);
      const marker = markerOf(written.name.split('/').at(-1) ?? '');
      const odd = encodeRecord({ ...asSpooled(request()), receivedAt: new Date(Number.NaN) }, []);
      const bytes = Buffer.concat([...recordPieces(marker, odd), written.bytes]);
      const { drained, counts } = await recover(place, written, bytes);
      expect(drained).toEqual(ids(written.requests));
      expect(counts).toMatchObject({ corrupt: 1, torn: 0 });
    });
  });
});
