/** Sets the superuser's password on a cluster without knowing the old one. */
import { StartupError } from '../../../core/errors.ts';
import { runServerProgram } from './run-server-program.ts';
import type { ServerCluster } from './server-process.ts';

/**
 * By a single-user backend, which asks for no password and listens on nothing. No server may be running on the cluster.
 *
 * @param password letters and digits only
 */
export async function resetPassword(cluster: ServerCluster, password: string): Promise<void> {
  const result = await runServerProgram(cluster.binaries.postgres, ['--single', 'postgres'], {
    ...cluster,
    input: `ALTER ROLE postgres PASSWORD '${password}'\n`,
    timeoutMs: 600_000,
  });
  if (result.exitCode === 0 && !/ERROR|FATAL|PANIC/.test(result.output)) return;
  throw new StartupError(
    `The password of the PostgreSQL cluster ${cluster.clusterDirectory} was lost and no new one could be set (exit code ${result.exitCode}).`,
  );
}
