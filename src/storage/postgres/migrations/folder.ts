/** Reads `prisma/migrations`: the scripts that make and change the tables. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { StartupError } from '../../../core/errors.ts';

/** `prisma/migrations` of this package. `src/` and `dist/` lie equally deep below the package root. */
export const MIGRATIONS_FOLDER = fileURLToPath(new URL('../../../../prisma/migrations', import.meta.url));

export interface Migration {
  /** Name of its folder; migrations are applied in the order of their names. */
  readonly name: string;
  /** The text of `migration.sql`. */
  readonly script: string;
}

export interface MigrationsFolder {
  readonly path: string;
  /** Text of `migration_lock.toml`, in which Prisma keeps the kind of database. */
  readonly lockfile: string;
  readonly migrations: readonly Migration[];
}

/**
 * Reads every migration below `folder`.
 *
 * @throws StartupError if the folder or a script is missing: the installation is incomplete
 */
export async function readMigrationsFolder(folder: string): Promise<MigrationsFolder> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    const migrations = names.sort().map(async (name) => ({
      name,
      script: await readFile(path.join(folder, name, 'migration.sql'), 'utf8'),
    }));
    return {
      path: folder,
      lockfile: await readFile(path.join(folder, 'migration_lock.toml'), 'utf8'),
      migrations: await Promise.all(migrations),
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartupError(`The installation is incomplete, a migration cannot be read: ${reason}`);
  }
}

/**
 * True if `checksum`, taken from the database, is that of the script. As in Prisma the kind of line ends does not count:
 * git may have changed it at checkout.
 */
export function hasChecksum(migration: Migration, checksum: string): boolean {
  const unix = migration.script.replaceAll('\r\n', '\n');
  return [migration.script, unix, unix.replaceAll('\n', '\r\n')].some((text) => sha256(text) === checksum);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
