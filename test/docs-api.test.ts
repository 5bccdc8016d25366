/** The examples of docs/api.md work, one after the other, as they stand there. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readExamples, runExamples } from './docs/examples.ts';
import { ADMIN_KEY, type ApiPlace, openApi } from './support/api.ts';
import { fresh, post } from './support/webhooks.ts';

let place: ApiPlace;
let directory: string;
beforeAll(async () => {
  place = await openApi();
  directory = mkdtempSync(join(tmpdir(), 'gateway-docs-'));
});
afterAll(async () => {
  await place.close();
  rmSync(directory, { recursive: true, force: true });
});

test('docs/api.md', async () => {
  const examples = readExamples('api.md');
  const invoice = fresh('stripe', 'invoice.paid');
  expect((await post(place.gateway.url, invoice)).accepted).toBe('stored');
  expect(examples.settings).toContain('API=http://127.0.0.1:3000/api/v1');
  const output = await runExamples(examples, directory, { API: place.gateway.gateway.apiUrl ?? '', KEY: ADMIN_KEY });
  expect(readFileSync(join(directory, 'body.bin')).equals(invoice.body)).toBe(true);
  expect(JSON.parse(readFileSync(join(directory, 'destination.json'), 'utf8')).generatedSecret).toMatch(/^whsec_/);
  expect(output).toContain('"key":"whg_');
});
