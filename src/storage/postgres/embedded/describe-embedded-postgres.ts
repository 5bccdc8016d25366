/** Looks at the embedded PostgreSQL from outside: for commands that run beside a daemon, or without one. */
import { realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type ClusterLocation, locateCluster } from './cluster-location.ts';
import { clusterMajorVersion } from './cluster-version.ts';
import { daemonLockHolder } from './daemon-lock.ts';
import { type EmbeddedState, readEmbeddedState } from './embedded-state.ts';
import { findRunningServer } from './running-server.ts';
import { embeddedDatabaseUrl } from './server-login.ts';

export interface EmbeddedPostgresDescription {
  /** Whether there is a cluster. */
  readonly initialised: boolean;
  /** PostgreSQL's data directory, or where it would be. */
  readonly dataDirectory: string;
  /** Of the cluster. */
  readonly majorVersion: number | undefined;
  readonly server: { readonly pid: number; readonly port: number; readonly status: string } | undefined;
  /** Only while the server takes connections. With its password: not for logs. */
  readonly databaseUrl: string | undefined;
  /** The daemon that holds the directory. */
  readonly daemonPid: number | undefined;
  /** What whoever asks should be told, such as where the cluster is if not in DATA_DIR. */
  readonly notes: readonly string[];
}

/**
 * Changes and starts nothing.
 *
 * @throws StartupError if the cluster is lost or damaged, and the system's error (EACCES) if this user may not look: the
 * files belong to the user that the daemon runs as
 */
export async function describeEmbeddedPostgres(options: { dataDir: string }): Promise<EmbeddedPostgresDescription> {
  const dataDirectory = await realpath(options.dataDir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (dataDirectory === undefined) return absent(join(resolve(options.dataDir), 'postgres'), []);
  const state = await readEmbeddedState(dataDirectory);
  const location = await locateCluster(dataDirectory, state);
  const majorVersion = await clusterMajorVersion(location.clusterDirectory);
  if (majorVersion === undefined) return absent(location.clusterDirectory, location.notes);
  return { ...(await describeCluster(location, state)), majorVersion };
}

function absent(dataDirectory: string, notes: readonly string[]): EmbeddedPostgresDescription {
  return {
    initialised: false,
    dataDirectory,
    majorVersion: undefined,
    server: undefined,
    databaseUrl: undefined,
    daemonPid: undefined,
    notes,
  };
}

async function describeCluster(
  location: ClusterLocation,
  { password }: EmbeddedState,
): Promise<Omit<EmbeddedPostgresDescription, 'majorVersion'>> {
  const running = await findRunningServer(location);
  const answers = running?.status === 'ready' && password !== undefined;
  return {
    initialised: true,
    dataDirectory: location.clusterDirectory,
    server: running && { pid: running.pid, port: running.port, status: running.status },
    databaseUrl: answers ? embeddedDatabaseUrl({ port: running.port, password }) : undefined,
    daemonPid: await daemonLockHolder(location.home),
    notes: location.notes,
  };
}
