/** PostgreSQL's programs in a place, and in a state, in which the server's user can run them. */
import { join } from 'node:path';
import { StartupError } from '../../../core/errors.ts';
import { copyBinaries } from './binaries-copy.ts';
import { createMissingLinks } from './package-links.ts';
import { findPlatformPackage, type PlatformPackage } from './platform-package.ts';
import { runServerProgram } from './run-server-program.ts';
import type { ServerAccount } from './server-account.ts';

export interface ServerBinaries {
  readonly initdb: string;
  readonly pgCtl: string;
  readonly postgres: string;
  /** Of PostgreSQL itself, for example `18.4`. */
  readonly version: string;
  readonly majorVersion: number;
  readonly notes: readonly string[];
}

export interface ServerBinariesOptions {
  readonly account: ServerAccount | null;
  /** Where `postgresql-<version>` is put if a copy is needed. */
  readonly copyDirectory: string;
  readonly platformPackage?: PlatformPackage;
}

/**
 * The programs of the platform's package, run where npm put them if that is possible, else from a copy: one per version,
 * kept, and shared by every daemon that names the same directory for it.
 *
 * @throws StartupError if the package is absent or its programs do not run on this system
 */
export async function usableServerBinaries(options: ServerBinariesOptions): Promise<ServerBinaries> {
  const platformPackage = options.platformPackage ?? findPlatformPackage();
  const installed = platformPackage.nativeDirectory;
  const obstacle = await tryInPlace(installed, options.account);
  if (typeof obstacle !== 'string') return { ...obstacle, notes: [] };

  const copy = join(options.copyDirectory, `postgresql-${platformPackage.version}`);
  await copyBinaries(installed, copy);
  const copied = await probe(copy, options.account);
  if (typeof copied === 'string') throw cannotRun(copy, copied);
  return { ...copied, notes: [`PostgreSQL's programs were copied to ${copy} and run from there: ${obstacle}`] };
}

/** The programs, or in words what keeps them from being run where npm put them. */
async function tryInPlace(installed: string, account: ServerAccount | null): Promise<Probed | string> {
  try {
    await createMissingLinks(installed);
  } catch {
    return `npm's install scripts did not run, and the links that are missing in ${installed} cannot be made there`;
  }
  // pg_ctl puts the path of postgres between double quotes into a shell's command line.
  if (process.platform !== 'win32' && /["$`\\\n]/.test(installed))
    return 'the path holds a character special to shells';
  const found = await probe(installed, account);
  if (typeof found !== 'string') return found;
  // As ourselves there is nobody else to reach it: a copy would fail in the same way.
  if (account === null) throw cannotRun(installed, found);
  return `user ${account.name} cannot run them in ${installed}`;
}

type Probed = Omit<ServerBinaries, 'notes'>;

/** Runs `postgres --version` as the account, which proves that path, permissions, libraries and platform fit. */
async function probe(nativeDirectory: string, account: ServerAccount | null): Promise<Probed | string> {
  const program = (name: string): string =>
    join(nativeDirectory, 'bin', process.platform === 'win32' ? `${name}.exe` : name);
  const postgres = program('postgres');
  const result = await runServerProgram(postgres, ['--version'], { account, timeoutMs: 20_000 });
  const [, version, major] = /\(PostgreSQL\) ((\d+)\S*)/.exec(result.output) ?? [];
  if (result.exitCode !== 0 || version === undefined) return result.output || `exit code ${result.exitCode}`;
  return { initdb: program('initdb'), pgCtl: program('pg_ctl'), postgres, version, majorVersion: Number(major) };
}

function cannotRun(directory: string, failure: string): StartupError {
  return new StartupError(
    `The embedded PostgreSQL in ${directory} does not run on this system (${failure}). On Linux it needs glibc, which Alpine does not have. Set DATABASE_URL to use a PostgreSQL of your own.`,
  );
}
