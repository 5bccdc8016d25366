/** Processes that dispatch and deliver beside the row's daemon, each of which can be killed and started again. */
import { join } from 'node:path';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { PROVIDER_ENVIRONMENT } from '../support/webhooks.ts';
import { keepLog } from './daemon-files.ts';
import type { Row } from './row.ts';

export interface Workers {
  /** SIGKILL to one that runs, and a new one in its place, whose start is not waited for. Resolves to the moment, in milliseconds since 1970. */
  killOne(pick: <T>(from: readonly T[]) => T): Promise<number>;
  /** Resolves when all of them run. */
  ready(): Promise<void>;
}

/** With that many of them, on the database of the row, whose daemon runs; they end with `use`. */
export async function withWorkers(row: Row, count: number, use: (workers: Workers) => Promise<void>): Promise<void> {
  const running = new Map<number, Daemon>();
  const starting = new Map<number, Promise<void>>();
  let ended = 0;
  const start = (index: number) => {
    const env = {
      DATABASE_URL: row.databaseUrl,
      ROLE: 'worker',
      LOG_LEVEL: 'debug',
      DELIVERY_ALLOW_NETWORKS: '127.0.0.1',
    };
    const options = { dataDir: join(row.home, `worker-${index}`) };
    const started = startDaemon({ ...PROVIDER_ENVIRONMENT, ...env }, options).then((daemon) => {
      running.set(index, daemon);
    });
    // Whoever waits for it is told; it must not end the tests before.
    started.catch(() => undefined);
    starting.set(index, started);
  };
  const kill = async (index: number, daemon: Daemon) => {
    running.delete(index);
    const { exitCode } = daemon.child;
    const at = Date.now();
    await daemon.dispose();
    keepLog(`${row.database}-worker-${++ended}`, daemon.output());
    if (exitCode !== null)
      throw new Error(`a worker ended by itself, with ${exitCode}:\n${daemon.output().slice(-2_000)}`);
    return at;
  };
  const ready = async () => {
    await Promise.all(starting.values());
  };
  try {
    for (let index = 0; index < count; index++) start(index);
    await ready();
    await use({
      async killOne(pick) {
        if (running.size === 0) await Promise.race(starting.values());
        const [index, daemon] = pick([...running]);
        const at = await kill(index, daemon);
        start(index);
        return at;
      },
      ready,
    });
  } finally {
    await Promise.allSettled(starting.values());
    await Promise.all([...running].map(([index, daemon]) => kill(index, daemon)));
  }
}
