import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeDirectory } from '../../../src/storage/disk/make-directory.ts';

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'gateway-directory-'));
});
afterEach(() => rmSync(place, { recursive: true }));

const modeOf = (path: string) => statSync(path).mode & 0o777;

it('makes what is missing above it too, each with the mode whatever the umask, and leaves alone what was there', () => {
  mkdirSync(join(place, 'there'), { mode: 0o750 });
  const before = process.umask(0o077);
  try {
    makeDirectory(join(place, 'there', 'a', 'b'), 0o711);
  } finally {
    process.umask(before);
  }
  expect([modeOf(join(place, 'there')), modeOf(join(place, 'there/a')), modeOf(join(place, 'there/a/b'))]).toEqual([
    0o750, 0o711, 0o711,
  ]);
  makeDirectory(join(place, 'there', 'a'), 0o700);
  expect(modeOf(join(place, 'there/a'))).toBe(0o711);
});

it('takes a link to a directory as one, and nothing else', () => {
  mkdirSync(join(place, 'real'));
  symlinkSync('real', join(place, 'link'));
  symlinkSync('nowhere', join(place, 'dangling'));
  writeFileSync(join(place, 'file'), '');
  makeDirectory(join(place, 'link', 'a'), 0o700);
  expect(modeOf(join(place, 'real/a'))).toBe(0o700);
  expect(() => makeDirectory(join(place, 'file'), 0o700)).toThrow('EEXIST');
  expect(() => makeDirectory(join(place, 'file', 'a'), 0o700)).toThrow('ENOTDIR');
  expect(() => makeDirectory(join(place, 'dangling'), 0o700)).toThrow('EEXIST');
});

it.skipIf(process.platform !== 'linux')('gives up where a place takes no directories', () => {
  expect(() => makeDirectory('/proc/nothing', 0o700)).toThrow('ENOENT');
  expect(() => makeDirectory('/proc/nothing/below', 0o700)).toThrow('ENOENT');
});
