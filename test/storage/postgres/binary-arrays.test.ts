/** What the server makes of arrays in its binary format: sent as the ingest statement sends them, read back as text or bytes. */
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  bigintArray,
  booleanArray,
  byteaArray,
  jsonbArray,
  textArray,
  timestamptzArray,
  uuidArray,
} from '../../../src/storage/postgres/binary-arrays.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';

let database: TestDatabase;
let client: pg.Client;
beforeAll(async () => {
  database = await createDatabase({ migrated: false });
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

type ElementType = 'bigint' | 'boolean' | 'bytea' | 'jsonb' | 'text' | 'timestamptz' | 'uuid';

/** The elements in order, as `pg` reads a single value of their type; `shown` says otherwise. */
async function elements(type: ElementType, parameter: Buffer, shown = 'element'): Promise<unknown[]> {
  const sql = `SELECT ${shown} AS element FROM unnest($1::${type}[]) WITH ORDINALITY AS u(element, place) ORDER BY place`;
  const { rows } = await client.query<{ element: unknown }>(sql, [parameter]);
  return rows.map(({ element }) => element);
}

const RUNS = { numRuns: 30 };

describe('an array', () => {
  test.each<[ElementType, (values: readonly never[]) => Buffer]>([
    ['uuid', uuidArray],
    ['text', textArray],
    ['jsonb', jsonbArray],
    ['bytea', byteaArray],
    ['timestamptz', timestamptzArray],
    ['boolean', booleanArray],
    ['bigint', bigintArray],
  ])('of %s may be empty', async (type, arrayOf) => {
    expect(await elements(type, arrayOf([]))).toEqual([]);
  });

  test('is one for the server, whatever it does with it: one dimension, from 1', async () => {
    const { rows } = await client.query(
      'SELECT array_ndims($1::text[]) AS dimensions, array_lower($1::text[], 1) AS first, array_upper($1::text[], 1) AS last, ($1::text[])[2] AS second',
      [textArray(['a', 'b', null])],
    );
    expect(rows).toEqual([{ dimensions: 1, first: 1, last: 3, second: 'b' }]);
  });

  test('of another type than the cast says is refused, and never misread', async () => {
    await expect(elements('text', uuidArray([]))).rejects.toMatchObject({ code: '42804' });
  });
});

test('booleans and integers come back as they were', async () => {
  const yesAndNo = [true, null, false, false, true];
  expect(await elements('boolean', booleanArray(yesAndNo))).toEqual(yesAndNo);
  const some = [0, null, 1, -1, 2 ** 32, -(2 ** 32) - 1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
  expect(await elements('bigint', bigintArray(some), 'element::float8')).toEqual(some);
});

describe('text', () => {
  test.each([
    ['nulls and empty strings', [null, '', 'a', null, '', null]],
    ['nothing but nulls', [null, null]],
    ['what an array in text form would have to escape', ['NULL', '{a,b}', '"', '\\', "'", ' ', '\n', '{}']],
    ['two, three and four bytes a character', ['é', '€', '🙂', 'é€🙂e\u0301', '\u{10FFFF}', '\uFFFF']],
    ['more than a buffer of the pool holds', ['x'.repeat(100_000), '€'.repeat(100_000), 'y']],
  ])('comes back as it was: %s', async (_name, values) => {
    expect(await elements('text', textArray(values))).toEqual(values);
  });

  test('of any kind comes back as UTF-8 has it: a lone surrogate as U+FFFD', async () => {
    expect(await elements('text', textArray(['\ud83d', 'a\ude42b', '\ude42\ud83d']))).toEqual([
      '\uFFFD',
      'a\uFFFDb',
      '\uFFFD\uFFFD',
    ]);
    const character = fc.oneof(
      fc.constantFrom('\ud83d', '\ude42', '"', '\\', ',', '{', ''),
      fc.string({ unit: 'binary' }),
    );
    const text = fc.array(character).map((parts) => parts.join('').replaceAll('\0', ''));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(text)), async (values) => {
        const sent = values.map((value) => (value === null ? null : Buffer.from(value).toString()));
        expect(await elements('text', textArray(values))).toEqual(sent);
      }),
      RUNS,
    );
  });

  test('with U+0000 is refused by the server as a fault of the data', async () => {
    await expect(elements('text', textArray(['a', 'b\0c']))).rejects.toMatchObject({ code: '22021' });
    expect(await elements('text', textArray(['the connection lives']))).toEqual(['the connection lives']);
  });
});

describe('bytea', () => {
  test('comes back byte for byte, empty ones too', async () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const large = Buffer.alloc(1024 * 1024, all);
    const mixed = [all, Buffer.alloc(0), large, all.subarray(250)];
    const returned = (await elements('bytea', byteaArray(mixed))) as Buffer[];
    expect(returned.map((bytes, index) => mixed[index]?.equals(bytes))).toEqual(mixed.map(() => true));
    const bodies = fc.array(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)));
    await fc.assert(
      fc.asyncProperty(bodies, async (values) => {
        expect(await elements('bytea', byteaArray(values))).toEqual(values);
      }),
      RUNS,
    );
  });
});

describe('uuid', () => {
  test('comes back as it was, upper case as lower', async () => {
    const ids = [
      '00000000-0000-0000-0000-000000000000',
      '01a1fb68-fd9f-77fc-a67e-c2bcf8d470a2',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
    ];
    expect(await elements('uuid', uuidArray(ids))).toEqual(ids);
    expect(await elements('uuid', uuidArray(ids.map((id) => id.toUpperCase())))).toEqual(ids);
  });
});

describe('timestamptz', () => {
  /** As the server writes it in UTC, whatever the driver thinks of times. */
  const AS_TEXT = `to_char(element AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')`;

  test('is the same moment for the server, to the millisecond, and null is null', async () => {
    const times = [
      '2000-01-01T00:00:00.000',
      '2000-01-01T00:00:00.001',
      '1999-12-31T23:59:59.999',
      '1970-01-01T00:00:00.000',
      // 2^32 microseconds on either side of 2000: where the carry into the upper half is.
      '2000-01-01T01:11:34.967',
      '2000-01-01T01:11:34.968',
      '1999-12-31T22:48:25.032',
      '1999-12-31T22:48:25.033',
      '2026-02-28T23:59:59.123',
      '2100-01-01T00:00:00.000',
      '2100-12-31T23:59:59.999',
    ];
    const sent = [...times.map((time) => new Date(`${time}Z`)), null];
    expect(await elements('timestamptz', timestamptzArray(sent), AS_TEXT)).toEqual([
      ...times.map((time) => `${time}000`),
      null,
    ]);
  });

  test('is so for any time from 1900 to 2200', async () => {
    const time = fc.date({
      min: new Date('1900-01-01T00:00:00Z'),
      max: new Date('2200-01-01T00:00:00Z'),
      noInvalidDate: true,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(time)), async (times) => {
        const expected = times.map((one) => one?.toISOString().replace('Z', '000') ?? null);
        expect(await elements('timestamptz', timestamptzArray(times), AS_TEXT)).toEqual(expected);
      }),
      RUNS,
    );
  });
});

describe('jsonb', () => {
  test('comes back with the same content, nested, null and not JSON’s null', async () => {
    const values = [{ a: [1, { b: null, 'é"\\': '🙂' }], '': {} }, 'text', 1.5, null, [], false];
    const texts = [...values.map((value) => JSON.stringify(value)), null];
    expect(await elements('jsonb', jsonbArray(texts))).toEqual([...values, null]);
    const isNull = await elements('jsonb', jsonbArray(['null', null]), 'element IS NULL');
    expect(isNull).toEqual([false, true]);
  });

  test('keeps every digit of a number and the last of equal keys', async () => {
    const texts = [' { "a" : 12345678901234567890.10, "b": 1, "b": 2 } '];
    expect(await elements('jsonb', jsonbArray(texts), 'element::text')).toEqual([
      '{"a": 12345678901234567890.10, "b": 2}',
    ]);
  });

  test.each(['', '{', '{"a":1}x', "{'a':1}", '"\\u0000"', '"\\ud83d"', '"\0"', '1e999999'])(
    'that is none is refused by the server as a fault of the data: %j',
    async (text) => {
      const sent = elements('jsonb', jsonbArray(['{}', text]));
      await expect(sent).rejects.toMatchObject({ code: expect.stringMatching(/^22/) });
    },
  );
});
