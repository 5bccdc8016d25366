/** From a place on disk to a server that answers: create or check the cluster, adopt its server or start one. */
import { randomBytes } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { StartupError } from '../../../core/errors.ts';
import { type ClusterLocation, SYSTEM_DIRECTORY } from './cluster-location.ts';
import { clusterMajorVersion, refuseOtherMajorVersion } from './cluster-version.ts';
import { createCluster } from './create-cluster.ts';
import { type EmbeddedState, embeddedStatePath, readEmbeddedState, writeEmbeddedState } from './embedded-state.ts';
import { adoptOrStopLeftover, type Leftover, settled } from './leftover-server.ts';
import { freeLoopbackPort, isLoopbackPortFree } from './loopback-port.ts';
import type { PlatformPackage } from './platform-package.ts';
import { resetPassword } from './reset-password.ts';
import { findRunningServer } from './running-server.ts';
import { usableServerBinaries } from './server-binaries.ts';
import { ensureDatabase, type ServerAddress } from './server-login.ts';
import { type ServerCluster, startServer, stopServer } from './server-process.ts';
import { NEW_CLUSTER_SETTINGS } from './server-settings.ts';

/** What is used of a pino logger. */
export interface StartLogger {
  info(message: string): void;
  warn(message: string): void;
}

export interface OpenClusterOptions {
  /** Real path of DATA_DIR. */
  readonly dataDirectory: string;
  readonly location: ClusterLocation;
  readonly platformPackage: PlatformPackage;
  readonly logger: StartLogger | undefined;
}

export interface OpenCluster {
  readonly cluster: ServerCluster;
  readonly address: ServerAddress;
  readonly notes: readonly string[];
}

/** Fast, then without a checkpoint: together well inside the time that the daemon has to stop. */
export const STOP_LIMITS = { fastSeconds: 4, immediateSeconds: 2 };

const PORT_ATTEMPTS = 10;

/**
 * Only for the holder of the daemon's lock of `location.home`. If it fails, no server of its own making is left running,
 * except one that is still recovering: the next start waits for that.
 */
export async function openCluster(options: OpenClusterOptions): Promise<OpenCluster> {
  const { dataDirectory, location, platformPackage, logger } = options;
  const { account, clusterDirectory } = location;
  const copyDirectory = account ? SYSTEM_DIRECTORY : dataDirectory;
  const binaries = await usableServerBinaries({ account, copyDirectory, platformPackage });
  const cluster = { binaries, account, clusterDirectory };
  const state = await readEmbeddedState(dataDirectory);
  const password = state.password ?? randomBytes(24).toString('hex');
  const isElsewhere = location.home !== dataDirectory;
  const newState: EmbeddedState = { ...state, password, ...(isElsewhere ? { clusterHome: location.home } : {}) };

  const majorVersion = await clusterMajorVersion(clusterDirectory);
  if (majorVersion === undefined) {
    logger?.info(`Creating a PostgreSQL ${binaries.version} cluster in ${clusterDirectory}`);
    // Before the cluster: one whose password nobody knows must not come about.
    await writeEmbeddedState(dataDirectory, newState);
    await createCluster({ ...cluster, password, settings: NEW_CLUSTER_SETTINGS });
  } else {
    refuseOtherMajorVersion(clusterDirectory, majorVersion, binaries);
  }

  const leftover = await adoptOrStopLeftover(cluster, state.password);
  if (majorVersion !== undefined && state.password === undefined) await resetPassword(cluster, password);
  const port = leftover.found === 'adopted' ? leftover.port : await start(cluster, location.home, state.port, logger);
  const address = { port, password };
  try {
    await writeEmbeddedState(dataDirectory, { ...newState, port });
    await ensureDatabase(address);
  } catch (error) {
    await stopServer(cluster, STOP_LIMITS);
    throw explainLogin(error, dataDirectory);
  }
  return { cluster, address, notes: [...location.notes, ...binaries.notes, ...explainLeftover(leftover)] };
}

/** Starts the server on the port of last time, or on another if that is taken or lost while the server starts. */
async function start(
  cluster: ServerCluster,
  home: string,
  lastPort: number | undefined,
  logger: StartLogger | undefined,
): Promise<number> {
  const logFile = join(home, 'postgres.log');
  // Two runs are kept, so the log cannot grow for ever.
  await rename(logFile, `${logFile}.1`).catch(() => {});
  let port = lastPort !== undefined && (await isLoopbackPortFree(lastPort)) ? lastPort : await freeLoopbackPort();
  for (let attempt = 1; attempt <= PORT_ATTEMPTS; attempt += 1) {
    const result = await startServer(cluster, { port, logFile });
    switch (result.outcome) {
      case 'ready':
        return port;
      case 'port_taken':
        port = await freeLoopbackPort();
        break;
      case 'recovering': {
        logger?.warn(`PostgreSQL is recovering from a crash and does not answer yet: see ${logFile}`);
        const server = await findRunningServer(cluster);
        if (server && (await settled(cluster, server))) return port;
        throw new StartupError(`PostgreSQL ended during its recovery: see ${logFile}`);
      }
      case 'backends_remain':
        throw new StartupError(
          `Another PostgreSQL server still uses ${cluster.clusterDirectory}, or processes of one that was killed: end them (see ps) and start again.`,
        );
      case 'failed':
        throw new StartupError(`PostgreSQL does not start: ${result.reason} (log: ${logFile})`);
    }
  }
  throw new StartupError(`PostgreSQL lost its port to another process ${PORT_ATTEMPTS} times in a row: start again.`);
}

function explainLeftover(leftover: Leftover): string[] {
  if (leftover.found === 'adopted') {
    return [`Adopted the PostgreSQL server (pid ${leftover.pid}) that an earlier daemon left running`];
  }
  if (leftover.found === 'stopped') {
    return [
      `Stopped the PostgreSQL server (pid ${leftover.pid}) that an earlier daemon left running, and started another`,
    ];
  }
  return [];
}

function explainLogin(error: unknown, dataDirectory: string): unknown {
  if (!(error instanceof Error && 'code' in error && error.code === '28P01')) return error;
  return new StartupError(
    `The password in ${embeddedStatePath(dataDirectory)} does not open the PostgreSQL cluster. Delete that file: the data stay, and the next start sets a new password.`,
  );
}
