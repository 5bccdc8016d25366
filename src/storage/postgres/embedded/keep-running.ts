/** Starts the embedded server again if it ends under the daemon: killed for its memory, say. Webhooks are spooled meanwhile. */
import type { OpenCluster, StartLogger } from './open-cluster.ts';
import { findRunningServer } from './running-server.ts';

/** Milliseconds between two looks. */
const LOOK_MS = 2_000;

export interface KeepRunningOptions {
  readonly opened: OpenCluster;
  /** Starts the server of the same cluster, or adopts it if it runs. */
  readonly reopen: () => Promise<OpenCluster>;
  readonly logger: StartLogger | undefined;
}

export interface Keeper {
  /** Resolves when no start is under way; none begins after that. */
  stop(): Promise<void>;
}

export function keepRunning({ opened, reopen, logger }: KeepRunningOptions): Keeper {
  let stopped = false;
  let looking: Promise<void> | undefined;
  let told = '';
  const look = async () => {
    try {
      if ((await findRunningServer(opened.cluster)) !== undefined || stopped) return;
      logger?.warn('The embedded PostgreSQL has ended: starting it again');
      const { address } = await reopen();
      told = '';
      if (address.port === opened.address.port) logger?.info('The embedded PostgreSQL runs again');
      else logger?.warn('The embedded PostgreSQL had to take another port: restart the daemon');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== told) logger?.warn(`The embedded PostgreSQL cannot be started again: ${reason}`);
      told = reason;
    }
  };
  const timer = setInterval(() => {
    looking ??= look().finally(() => {
      looking = undefined;
    });
  }, LOOK_MS);
  timer.unref();
  return {
    async stop() {
      stopped = true;
      clearInterval(timer);
      await looking;
    },
  };
}
