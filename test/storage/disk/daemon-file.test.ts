import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { leaveDaemonFile, readDaemonFile, removeDaemonFile } from '../../../src/storage/disk/daemon-file.ts';

const CONTENT = {
  pid: process.pid,
  url: 'http://127.0.0.1:3000',
  api: 'http://127.0.0.1:3001/api/v1',
  webhooks: { stripe: 'http://127.0.0.1:3000/s' },
};

describe('daemon.json', () => {
  let parent: string;
  let dataDir: string;
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'gateway-disk-'));
    dataDir = join(parent, 'data');
  });
  afterEach(() => rmSync(parent, { recursive: true, force: true }));

  it('is read as it was written, and replaces the one before', () => {
    expect(readDaemonFile(dataDir)).toBeNull();
    leaveDaemonFile(dataDir, { ...CONTENT, pid: 1 });
    leaveDaemonFile(dataDir, CONTENT);
    expect(readDaemonFile(dataDir)).toEqual(CONTENT);
    expect(readdirSync(dataDir)).toEqual(['daemon.json']);
  });

  it('is nobody else’s to read', () => {
    leaveDaemonFile(dataDir, CONTENT);
    // As root another user must be able to pass, for the embedded PostgreSQL.
    expect(statSync(dataDir).mode & 0o777).toBe(process.geteuid?.() === 0 ? 0o711 : 0o700);
    expect(statSync(join(dataDir, 'daemon.json')).mode & 0o777).toBe(0o600);
  });

  it.each(['', '{', '[]', '{"pid":"1","url":"x","webhooks":{}}'])('counts as absent if it says %j', (text) => {
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'daemon.json'), text);
    expect(readDaemonFile(dataDir)).toBeNull();
    removeDaemonFile(dataDir);
    expect(readFileSync(join(dataDir, 'daemon.json'), 'utf8')).toBe(text);
  });

  it('is not left where nothing can be written, and that is no fault', () => {
    writeFileSync(dataDir, 'a file');
    leaveDaemonFile(dataDir, CONTENT);
    expect(readDaemonFile(dataDir)).toBeNull();
    removeDaemonFile(dataDir);
  });

  it('is removed by the process that wrote it and by no other', () => {
    leaveDaemonFile(dataDir, { ...CONTENT, pid: process.pid + 1 });
    removeDaemonFile(dataDir);
    expect(readDaemonFile(dataDir)).not.toBeNull();
    leaveDaemonFile(dataDir, CONTENT);
    removeDaemonFile(dataDir);
    removeDaemonFile(dataDir);
    expect(readdirSync(dataDir)).toEqual([]);
  });
});
