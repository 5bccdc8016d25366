/** Is a PostgreSQL server running on a cluster? `postmaster.pid` alone does not say: it outlives a server that was killed. */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { open, readFile, readlink, realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import {
  IMPOSSIBLE_PID,
  type PostmasterFile,
  parsePostmasterFile,
  postmasterFilePath,
  readPostmasterFile,
} from './postmaster-file.ts';
import { identifyProcess } from './process-identity.ts';
import { runServerProgram } from './run-server-program.ts';
import type { ServerAccount } from './server-account.ts';

export interface RunningServer extends PostmasterFile {
  /** The program it runs, with " (deleted)" after it if that was replaced since; undefined where the system does not say. */
  readonly program: string | undefined;
  /** False if this is a PostgreSQL server, but perhaps of another cluster: the system does not show its directory. */
  readonly certain: boolean;
}

export interface ClusterFiles {
  readonly clusterDirectory: string;
  readonly account: ServerAccount | null;
}

/** The server that runs on the cluster, or undefined if there is none or its pid belongs to something else by now. */
export async function findRunningServer(cluster: ClusterFiles): Promise<RunningServer | undefined> {
  const { clusterDirectory } = cluster;
  const postmaster = await readPostmasterFile(clusterDirectory);
  if (!postmaster || identifyProcess(postmaster.pid) === undefined) return undefined;
  if (process.platform === 'linux') return judgeByProc(postmaster, cluster);
  if (process.platform === 'win32') return { ...postmaster, program: undefined, certain: false };
  const ps = await promisify(execFile)('/bin/ps', ['-p', String(postmaster.pid), '-o', 'command=']).catch(
    () => undefined,
  );
  return ps?.stdout.includes('postgres') ? { ...postmaster, program: undefined, certain: false } : undefined;
}

async function judgeByProc(postmaster: PostmasterFile, cluster: ClusterFiles): Promise<RunningServer | undefined> {
  const proc = `/proc/${postmaster.pid}`;
  const program = await linkTarget(`${proc}/exe`, cluster.account);
  const commandLine = await readFile(`${proc}/cmdline`, 'utf8').catch(() => '');
  const name = program?.replace(/ \(deleted\)$/, '') ?? commandLine.split('\0', 1)[0] ?? '';
  if (basename(name) !== 'postgres') return undefined;
  const directory = await linkTarget(`${proc}/cwd`, cluster.account);
  if (directory !== undefined && directory !== (await realpath(cluster.clusterDirectory))) return undefined;
  return { ...postmaster, program, certain: directory !== undefined };
}

/** A root without CAP_SYS_PTRACE, as in a container, may not follow these links of another user's process; that user may. */
async function linkTarget(path: string, account: ServerAccount | null): Promise<string | undefined> {
  const target = await readlink(path).catch(() => undefined);
  if (target !== undefined || account === null) return target;
  const { exitCode, output } = await runServerProgram('readlink', ['--', path], { account, timeoutMs: 10_000 });
  return exitCode === 0 ? output : undefined;
}

/**
 * Makes PostgreSQL ignore the pid in a `postmaster.pid` whose server is gone: where the number belongs to another living
 * process by now, or to a zombie, the server would refuse to start. The file itself stays, because its shared memory key
 * is how PostgreSQL notices that backends of a killed server are still writing.
 */
export async function disarmStalePostmasterFile(cluster: ClusterFiles): Promise<void> {
  const stale = await readPostmasterFile(cluster.clusterDirectory);
  if (!stale || (await findRunningServer(cluster))) return;
  // The directory belongs to the server's user: as root we follow no link that was put there.
  const path = postmasterFilePath(cluster.clusterDirectory);
  const file = await open(path, constants.O_RDWR | (constants.O_NOFOLLOW ?? 0)).catch(ignoreAbsence);
  if (!file) return;
  try {
    const content = await file.readFile('utf8');
    // Written anew since, by a server that a killed daemon had just begun to start: that one is not stale.
    if (parsePostmasterFile(content).pid !== stale.pid) return;
    const rest = content.includes('\n') ? content.slice(content.indexOf('\n')) : '\n';
    await file.truncate(0);
    await file.write(`${IMPOSSIBLE_PID}${rest}`, 0);
  } finally {
    await file.close();
  }
}

function ignoreAbsence(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
