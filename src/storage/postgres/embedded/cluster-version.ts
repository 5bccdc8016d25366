/** Which major version of PostgreSQL a cluster was made by. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StartupError } from '../../../core/errors.ts';
import type { ServerBinaries } from './server-binaries.ts';

/** The major version; undefined if the directory does not exist or is no cluster. */
export async function clusterMajorVersion(clusterDirectory: string): Promise<number | undefined> {
  const content = await readFile(join(clusterDirectory, 'PG_VERSION'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const version = Number.parseInt(content, 10);
  return Number.isNaN(version) ? undefined : version;
}

/** @throws StartupError if the programs cannot open the cluster: nothing is changed, and the message names the way out */
export function refuseOtherMajorVersion(clusterDirectory: string, found: number, binaries: ServerBinaries): void {
  if (found === binaries.majorVersion) return;
  throw new StartupError(
    `The PostgreSQL cluster ${clusterDirectory} was made by PostgreSQL ${found}, and this installation brings ${binaries.version}. Nothing was changed. The way out: start the installation that made it, dump the database (pg_dump; port and password are in embedded-postgres.json of its DATA_DIR), stop it, move the directory away, start this one, and restore the dump. Or serve the old directory with a PostgreSQL ${found} of your own and set DATABASE_URL.`,
  );
}
