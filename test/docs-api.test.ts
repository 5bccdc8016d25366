/** The examples of docs/api.md work, one after the other, as they stand there. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, type ApiPlace, openApi } from './support/api.ts';
import { bareEnvironment } from './support/daemon.ts';
import { fresh, post } from './support/webhooks.ts';

const document = readFileSync(new URL('../docs/api.md', import.meta.url), 'utf8');
const [settings = '', ...examples] = [...document.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);

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
  const invoice = fresh('stripe', 'invoice.paid');
  expect((await post(place.gateway.url, invoice)).accepted).toBe('stored');
  expect(settings).toContain('API=http://127.0.0.1:3000/api/v1');
  const script = ['set -euo pipefail', ...examples].join('\n');
  const env = bareEnvironment({ API: place.gateway.gateway.apiUrl ?? '', KEY: ADMIN_KEY });
  const shell = spawn('bash', ['-c', script], { cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, errors] = await Promise.all([text(shell.stdout), text(shell.stderr), once(shell, 'close')]);
  expect([shell.exitCode, errors], output).toEqual([0, '']);
  expect(readFileSync(join(directory, 'body.bin')).equals(invoice.body)).toBe(true);
  expect(JSON.parse(readFileSync(join(directory, 'destination.json'), 'utf8')).generatedSecret).toMatch(/^whsec_/);
  expect(output).toContain('"key":"whg_');
});
