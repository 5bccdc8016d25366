/** What to do with a server that a killed daemon left running: adopt it if it is sound, else stop it. */
import { realpath } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartupError } from '../../../core/errors.ts';
import { findRunningServer, type RunningServer } from './running-server.ts';
import { answersFor } from './server-login.ts';
import { type ServerCluster, stopServer } from './server-process.ts';

/** Crash recovery replays at most `max_wal_size` or a little more: minutes on a slow disk. */
const RECOVERY_LIMIT_MS = 600_000;
const STOP_LIMITS = { fastSeconds: 30, immediateSeconds: 15 };

export type Leftover =
  | { readonly found: 'nothing' }
  | { readonly found: 'adopted'; readonly pid: number; readonly port: number }
  | { readonly found: 'stopped'; readonly pid: number };

/**
 * Adopts the server that runs on the cluster if it is of our own program and the password opens it; else stops it
 * cleanly. Only for the holder of the daemon's lock.
 *
 * @param password undefined if it was lost: then no server can be adopted
 * @throws StartupError if the server can be neither adopted nor stopped
 */
export async function adoptOrStopLeftover(cluster: ServerCluster, password: string | undefined): Promise<Leftover> {
  const first = await findRunningServer(cluster);
  if (!first) return { found: 'nothing' };
  const server = await settled(cluster, first);
  if (!server) return { found: 'stopped', pid: first.pid };
  const { pid, port } = server;
  if (password !== undefined && (await isOurProgram(cluster, server))) {
    if (await answersFor(cluster.clusterDirectory, { port, password })) return { found: 'adopted', pid, port };
  }
  if (!server.certain) {
    throw new StartupError(
      `Process ${pid} is a PostgreSQL server, probably the one of ${cluster.clusterDirectory}, but the password kept for it does not open it. If it is, stop it (kill -INT ${pid}) and start again; if it is not, delete ${cluster.clusterDirectory}/postmaster.pid.`,
    );
  }
  if (await stopServer(cluster, STOP_LIMITS)) return { found: 'stopped', pid };
  throw new StartupError(
    `The PostgreSQL server left running on ${cluster.clusterDirectory} (pid ${pid}) neither answers nor stops: end it (kill -9 ${pid}) and start again. Committed data survive that.`,
  );
}

/** Waits until a server that is starting, recovering or stopping is ready or gone. A recovery is never cut short. */
export async function settled(cluster: ServerCluster, server: RunningServer): Promise<RunningServer | undefined> {
  const deadline = Date.now() + RECOVERY_LIMIT_MS;
  let now: RunningServer | undefined = server;
  while (now && now.status !== 'ready') {
    if (Date.now() > deadline) {
      throw new StartupError(
        `The PostgreSQL server on ${cluster.clusterDirectory} (pid ${now.pid}) is ${now.status} for more than ten minutes: see its log beside that directory.`,
      );
    }
    await sleep(100);
    now = await findRunningServer(cluster);
  }
  return now;
}

/** A server whose program was replaced (npm ci, an update) lacks its libraries for new sessions sooner or later. */
async function isOurProgram(cluster: ServerCluster, server: RunningServer): Promise<boolean> {
  return server.program === undefined || server.program === (await realpath(cluster.binaries.postgres));
}
