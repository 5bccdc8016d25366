import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StartupError } from '../../../src/core/errors.ts';
import {
  ensureGeneratedSecret,
  GENERATED_SECRETS,
  readGeneratedSecret,
  secretFile,
} from '../../../src/storage/disk/generated-secrets.ts';

const MODULE = new URL('../../../src/storage/disk/generated-secrets.ts', import.meta.url).href;

describe('generated secrets', () => {
  let parent: string;
  let dataDir: string;
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'gateway-disk-'));
    dataDir = join(parent, 'data');
  });
  afterEach(() => rmSync(parent, { recursive: true, force: true }));

  it('are generated once and are the same ever after', () => {
    for (const name of GENERATED_SECRETS) {
      expect(readGeneratedSecret(dataDir, name)).toBeNull();
      const secret = ensureGeneratedSecret(dataDir, name);
      expect(ensureGeneratedSecret(dataDir, name)).toBe(secret);
      expect(readGeneratedSecret(dataDir, name)).toBe(secret);
    }
    expect(readdirSync(join(dataDir, 'secrets')).sort()).toEqual([...GENERATED_SECRETS].sort());
  });

  it('are long, distinct, and look as the provider’s own do', () => {
    const values = GENERATED_SECRETS.map((name) => ensureGeneratedSecret(dataDir, name));
    expect(new Set(values).size).toBe(GENERATED_SECRETS.length);
    expect(ensureGeneratedSecret(dataDir, 'STRIPE_WEBHOOK_SECRET')).toMatch(/^whsec_[0-9a-f]{48}$/);
    expect(ensureGeneratedSecret(dataDir, 'META_APP_SECRET')).toMatch(/^[0-9a-f]{48}$/);
  });

  it('are nobody else’s to read', () => {
    ensureGeneratedSecret(dataDir, 'META_APP_SECRET');
    expect(statSync(join(dataDir, 'secrets')).mode & 0o777).toBe(0o700);
    expect(statSync(secretFile(dataDir, 'META_APP_SECRET')).mode & 0o777).toBe(0o600);
  });

  it('are the same for processes that generate one at the same moment', async () => {
    const script = `
      const { ensureGeneratedSecret } = await import(${JSON.stringify(MODULE)});
      process.stdout.write('ready\\n');
      process.stdin.once('data', () => {
        process.stdout.write(ensureGeneratedSecret(${JSON.stringify(dataDir)}, 'META_APP_SECRET'));
        process.stdin.destroy();
      });`;
    const children = [1, 2, 3].map(() =>
      spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    );
    await Promise.all(children.map((child) => once(child.stdout, 'readable')));
    for (const child of children) child.stdin.write('go');
    const outputs = await Promise.all(children.map((child) => text(child.stdout)));
    const secret = readGeneratedSecret(dataDir, 'META_APP_SECRET');
    expect(secret).toMatch(/^[0-9a-f]{48}$/);
    expect(outputs).toEqual(Array(3).fill(`ready\n${secret}`));
    expect(readdirSync(join(dataDir, 'secrets'))).toEqual(['META_APP_SECRET']);
  });

  it('name DATA_DIR and what to do where they cannot be kept', () => {
    writeFileSync(dataDir, 'a file');
    for (const use of [ensureGeneratedSecret, readGeneratedSecret]) {
      const attempt = (): unknown => use(dataDir, 'META_APP_SECRET');
      expect(attempt).toThrow(StartupError);
      expect(attempt).toThrow(
        `Generated secrets cannot be kept in DATA_DIR (${dataDir}): ENOTDIR. Make it writable, or set the secrets.`,
      );
    }
    rmSync(dataDir);
    mkdirSync(secretFile(dataDir, 'META_APP_SECRET'), { recursive: true });
    expect(() => readGeneratedSecret(dataDir, 'META_APP_SECRET')).toThrow('EISDIR');
  });
});
