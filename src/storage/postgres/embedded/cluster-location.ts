/** Decides where the cluster of a DATA_DIR is, or will be, and as which user its server runs. */
import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { StartupError } from '../../../core/errors.ts';
import { type EmbeddedState, embeddedStatePath } from './embedded-state.ts';
import { accountOfOwner, canEnter, defaultServerAccount, isRoot, type ServerAccount } from './server-account.ts';

/** For a root daemon whose DATA_DIR or node_modules the server's user cannot reach. */
export const SYSTEM_DIRECTORY = '/var/lib/webhook-gateway';

export interface ClusterLocation {
  /** Holds the cluster's directory, the server's log and the lock: DATA_DIR itself or a directory of `SYSTEM_DIRECTORY`. */
  readonly home: string;
  /** PostgreSQL's data directory. It need not exist yet. */
  readonly clusterDirectory: string;
  readonly account: ServerAccount | null;
  readonly notes: readonly string[];
}

/**
 * A cluster that exists is always found again: where the state says, in DATA_DIR, or under the hash of DATA_DIR's path, in
 * this order. A new one goes to DATA_DIR if the server's user can enter that. Changes nothing.
 *
 * @param dataDirectory real path of DATA_DIR
 * @throws StartupError if the cluster is lost, or belongs to a user that cannot run it
 */
export async function locateCluster(dataDirectory: string, state: EmbeddedState): Promise<ClusterLocation> {
  const outside = state.clusterHome ?? homeOutside(dataDirectory);
  if (state.clusterHome === undefined) {
    const inside = await existingCluster(dataDirectory);
    if (inside) return inside;
  }
  if (isRoot() || state.clusterHome !== undefined) {
    const found = await existingCluster(outside);
    if (found) return { ...found, notes: [explainOutside(dataDirectory, found)] };
  }
  // The state is written before the first initialisation: a home without a cluster is an interrupted one, no home a lost one.
  if (state.clusterHome !== undefined && !(await statIfExists(state.clusterHome)))
    throw lost(dataDirectory, state.clusterHome);

  const account = await defaultServerAccount();
  if (state.clusterHome === undefined && (await canEnter(account, dataDirectory))) {
    return { ...clusterIn(dataDirectory), account, notes: [] };
  }
  const location = { ...clusterIn(outside), account };
  return { ...location, notes: [explainOutside(dataDirectory, location)] };
}

function clusterIn(home: string): Pick<ClusterLocation, 'home' | 'clusterDirectory'> {
  return { home, clusterDirectory: join(home, 'postgres') };
}

function homeOutside(dataDirectory: string): string {
  return join(SYSTEM_DIRECTORY, createHash('sha256').update(dataDirectory).digest('hex').slice(0, 16));
}

function explainOutside(
  dataDirectory: string,
  location: Pick<ClusterLocation, 'clusterDirectory' | 'account'>,
): string {
  const user = location.account ? `user ${location.account.name}` : 'the user of the server';
  return `The PostgreSQL cluster of ${dataDirectory} is in ${location.clusterDirectory}, because ${user} cannot enter ${dataDirectory}`;
}

async function existingCluster(home: string): Promise<ClusterLocation | undefined> {
  const place = clusterIn(home);
  const found = await statIfExists(place.clusterDirectory);
  // An empty directory, made beforehand by whoever installed us, is a place for a cluster and not yet one.
  if (!found || (await readdir(place.clusterDirectory).catch(() => undefined))?.length === 0) return undefined;
  const account = await ownerAsAccount(place.clusterDirectory, found);
  if (!(await canEnter(account, home))) {
    throw new StartupError(
      `User ${account?.name}, who owns the PostgreSQL cluster ${place.clusterDirectory}, cannot enter ${home}: move it to where that user can, or open the way (chmod o+x on each directory above).`,
    );
  }
  return { ...place, account, notes: [] };
}

/** PostgreSQL insists that the server runs as the owner of the cluster's files. */
async function ownerAsAccount(clusterDirectory: string, owner: Stats): Promise<ServerAccount | null> {
  const uid = process.geteuid?.();
  if (uid === undefined || (uid !== 0 && owner.uid === uid)) return null;
  if (uid !== 0) {
    const { name } = await accountOfOwner(owner);
    throw new StartupError(
      `The PostgreSQL cluster ${clusterDirectory} belongs to ${name}, probably because the daemon was first started as root: start it as root again, or give the directory to this user (chown -R).`,
    );
  }
  if (owner.uid !== 0) return accountOfOwner(owner);
  throw new StartupError(
    `The PostgreSQL cluster ${clusterDirectory} belongs to root, and PostgreSQL refuses to run as root: give it to an ordinary user (chown -R postgres ${clusterDirectory}).`,
  );
}

async function statIfExists(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function lost(dataDirectory: string, clusterHome: string): StartupError {
  return new StartupError(
    `The PostgreSQL cluster of ${dataDirectory} was in ${clusterHome}, which is gone. Bring it back, or delete ${embeddedStatePath(dataDirectory)} to begin with an empty database.`,
  );
}
