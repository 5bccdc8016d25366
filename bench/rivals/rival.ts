/** A rival as a process of its own. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startDaemon } from '../../test/support/daemon.ts';
import { PROVIDER_ENVIRONMENT } from '../../test/support/webhooks.ts';

export interface Rival {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  close(): Promise<void>;
}

export interface Stores {
  readonly databaseUrl: string;
  readonly redisUrl: string;
}

/** @param script in this folder; sends its port when it listens */
export async function startRival(
  name: string,
  script: string,
  stores: Stores,
  environment: Record<string, string> = {},
): Promise<Rival & { child: ChildProcess }> {
  const child = fork(fileURLToPath(new URL(script, import.meta.url)), {
    execArgv: ['--import', 'tsx'],
    env: {
      ...process.env,
      ...PROVIDER_ENVIRONMENT,
      NODE_ENV: 'production',
      DATABASE_URL: stores.databaseUrl,
      REDIS_URL: stores.redisUrl,
      ...environment,
    },
  });
  const failed = once(child, 'exit').then(([code]) => {
    throw new Error(`${name} exited with ${code} before it listened`);
  });
  const [{ port }] = (await Promise.race([once(child, 'message'), failed])) as [{ port: number }];
  failed.catch(() => undefined);
  return {
    name,
    port,
    pid: child.pid ?? 0,
    child,
    async close() {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/**
 * The built gateway with its defaults, on these stores; but nothing may go to the spool, and nothing is projected beside: the way
 * to PostgreSQL is what is measured.
 */
export async function startGateway(stores: Stores, environment: Record<string, string> = {}): Promise<Rival> {
  const daemon = await startDaemon({
    ...PROVIDER_ENVIRONMENT,
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    DATABASE_URL: stores.databaseUrl,
    REDIS_URL: stores.redisUrl,
    COMMIT_TIMEOUT_MS: '50000',
    ROLE: 'ingest',
    ...environment,
  });
  return {
    name: 'gateway',
    port: Number(new URL(daemon.url).port),
    pid: daemon.pid,
    async close() {
      await daemon.stop();
      await daemon.dispose();
    },
  };
}
