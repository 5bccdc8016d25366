/** The private PostgreSQL server that the daemon runs when there is no DATABASE_URL. */
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { StartupError } from '../../../core/errors.ts';
import { makeDirectory } from '../../disk/make-directory.ts';
import { locateCluster } from './cluster-location.ts';
import { acquireDaemonLock } from './daemon-lock.ts';
import { readEmbeddedState } from './embedded-state.ts';
import { keepRunning } from './keep-running.ts';
import { type OpenCluster, openCluster, STOP_LIMITS, type StartLogger } from './open-cluster.ts';
import { findPlatformPackage } from './platform-package.ts';
import { isRoot } from './server-account.ts';
import { embeddedDatabaseUrl } from './server-login.ts';
import { stopServer } from './server-process.ts';

export interface EmbeddedPostgresOptions {
  readonly dataDir: string;
  readonly logger?: StartLogger;
}

export interface EmbeddedPostgres {
  /** Of the database `gateway`, with its password: not for logs. */
  readonly databaseUrl: string;
  /** PostgreSQL's data directory. */
  readonly dataDirectory: string;
  /** What whoever starts the daemon should be told: where things are if not in DATA_DIR, what was found there. */
  readonly notes: readonly string[];
  /** Stops the server, by force after some seconds, and frees the directory for the next daemon. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts the server of a DATA_DIR and waits until it answers. The first time, its cluster is made; later, a server that a
 * killed daemon left running is taken over.
 *
 * @throws StartupError saying what to do: no binaries for this platform, another daemon on the directory, a cluster of
 * another major version, missing permissions or space
 */
export async function startEmbeddedPostgres({ dataDir, logger }: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  try {
    return await start(dataDir, logger);
  } catch (error) {
    if (error instanceof StartupError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartupError(
      `The embedded PostgreSQL of ${dataDir} cannot be started: ${reason}. See that this user may write there and that the disk is not full, or set DATABASE_URL.`,
      { cause: error },
    );
  }
}

async function start(dataDir: string, logger: StartLogger | undefined): Promise<EmbeddedPostgres> {
  // Looked for before anything is made: without it there is nothing to make.
  const platformPackage = findPlatformPackage();
  // As root, the server's user must be able to pass through. Passing is all that 0711 allows.
  const mode = isRoot() ? 0o711 : 0o700;
  makeDirectory(resolve(dataDir), mode);
  const dataDirectory = await realpath(dataDir);
  const location = await locateCluster(dataDirectory, await readEmbeddedState(dataDirectory));
  makeDirectory(location.home, mode);
  const lock = await acquireDaemonLock(location.home);
  if ('heldBy' in lock) {
    throw new StartupError(
      `Another daemon, or a command such as rebuild (pid ${lock.heldBy}), uses ${dataDirectory}: let it end or stop it first, or give this one a DATA_DIR of its own.`,
    );
  }
  const open = () => openCluster({ dataDirectory, location, platformPackage, logger });
  let opened: OpenCluster;
  try {
    opened = await open();
  } catch (error) {
    await lock.release();
    throw error;
  }
  const keeper = keepRunning({ opened, reopen: open, logger });
  const stop = async (): Promise<void> => {
    await keeper.stop();
    const stopped = await stopServer(opened.cluster, STOP_LIMITS);
    if (!stopped)
      logger?.warn(`PostgreSQL on ${location.clusterDirectory} does not stop; the next start takes it over`);
    await lock.release();
  };
  let stopping: Promise<void> | undefined;
  return {
    databaseUrl: embeddedDatabaseUrl(opened.address),
    dataDirectory: location.clusterDirectory,
    notes: opened.notes,
    stop() {
      stopping ??= stop();
      return stopping;
    },
  };
}
