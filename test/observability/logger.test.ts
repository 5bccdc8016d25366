import { PassThrough } from 'node:stream';
import pg from 'pg';
import { expect, inject, test } from 'vitest';
import { createLogger } from '../../src/observability/logger.ts';
import { until } from '../support/until.ts';

/** What a logger writes for these fields: as JSON, and for a person. */
async function written(fields: Record<string, unknown>): Promise<string> {
  const destination = new PassThrough();
  createLogger({ level: 'info', terminal: false, destination }).info(fields, 'a line');
  createLogger({ level: 'info', terminal: true, destination }).info(fields, 'a line');
  let text = '';
  destination.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await until('both lines', () => text.match(/a line/g)?.length === 2);
  return text;
}

test('an error of the database is logged without the row that failed', async () => {
  const client = new pg.Client({ connectionString: inject('databaseAdminUrl') });
  await client.connect();
  await client.query('CREATE TEMPORARY TABLE notes (text text CHECK (length(text) < 5))');
  const error: unknown = await client
    .query(`INSERT INTO notes VALUES ('a private text')`)
    .catch((reason: unknown) => reason);
  await client.end();
  expect(JSON.stringify(error)).toContain('a private text');
  const text = await written({ err: error });
  expect(text).toContain('23514');
  expect(text).not.toContain('a private text');
});

test('signatures, credentials and cookies are not written', async () => {
  const headers = {
    authorization: 'Bearer x1',
    cookie: 'x2',
    'stripe-signature': 'x3',
    'x-hub-signature-256': 'x4',
    host: 'h',
  };
  const text = await written({ req: { headers } });
  expect(text).toContain('"host":"h"');
  expect(text).not.toMatch(/x[1234]/);
});
