import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findPlace } from '../../../src/cli/api/place.ts';
import { leaveDaemonFile } from '../../../src/storage/disk/daemon-file.ts';
import { ensureGeneratedSecret } from '../../../src/storage/disk/generated-secrets.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'gateway-place-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const API = 'http://127.0.0.1:3001/api/v1';
function daemonWith(api: string | null): void {
  leaveDaemonFile(dataDir, { pid: process.pid, url: 'http://127.0.0.1:3000', api, webhooks: {} });
}

it('is the daemon on DATA_DIR with its generated key, unless another is named', () => {
  daemonWith(API);
  const generated = ensureGeneratedSecret(dataDir, 'ADMIN_API_KEY');
  const environment = { DATA_DIR: dataDir };
  expect(findPlace({}, environment)).toMatchObject({ url: API, key: generated });
  const named = { ...environment, WEBHOOK_GATEWAY_URL: 'https://a.example.com/', ADMIN_API_KEY: 'configured' };
  expect(findPlace({}, named)).toMatchObject({ url: 'https://a.example.com/api/v1', key: 'configured' });
  expect(findPlace({ url: 'https://b.example.com/hooks/api/v1' }, named)).toMatchObject({
    url: 'https://b.example.com/hooks/api/v1',
  });
});

it('takes the key that is named most closely, also from files', () => {
  const file = join(dataDir, 'key');
  writeFileSync(file, 'from-a-file\n');
  const environment = { DATA_DIR: dataDir, ADMIN_API_KEY: 'configured' };
  const keyOf = (options: { keyFile?: string }, more: Record<string, string> = {}) =>
    findPlace({ url: 'http://127.0.0.1', ...options }, { ...environment, ...more }).key;
  expect(keyOf({})).toBe('configured');
  expect(keyOf({}, { WEBHOOK_GATEWAY_KEY: 'own' })).toBe('own');
  expect(keyOf({}, { WEBHOOK_GATEWAY_KEY_FILE: file })).toBe('from-a-file');
  expect(keyOf({ keyFile: file }, { WEBHOOK_GATEWAY_KEY: 'own' })).toBe('from-a-file');
});

it('does not send the generated key to another machine', () => {
  ensureGeneratedSecret(dataDir, 'ADMIN_API_KEY');
  const environment = { DATA_DIR: dataDir };
  expect(findPlace({ url: 'http://localhost:3000' }, environment).key).not.toBe('');
  expect(() => findPlace({ url: 'https://gateway.example.com' }, environment)).toThrow(/^There is no key for/);
});

it('says what to give', () => {
  const environment = { DATA_DIR: dataDir };
  expect(() => findPlace({}, environment)).toThrow(/^No gateway runs on .* --url or WEBHOOK_GATEWAY_URL\.$/);
  daemonWith(null);
  expect(() => findPlace({}, environment)).toThrow(/serves no API \(ROLE=ingest\)/);
  expect(() => findPlace({ url: 'https://u:p@example.com' }, environment)).toThrow(
    /^--url: write a URL without a password/,
  );
  const missing = { url: API, keyFile: join(dataDir, 'none') };
  expect(() => findPlace(missing, environment)).toThrow(/none cannot be read \(ENOENT\)/);
  writeFileSync(join(dataDir, 'two'), 'one\ntwo\n');
  expect(() => findPlace({ url: API, keyFile: join(dataDir, 'two') }, environment)).toThrow(/holds no key/);
});
