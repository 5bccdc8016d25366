/** Makes a new PostgreSQL cluster (data directory) so that it either is there complete, or not at all. */
import { chmod, chown, mkdtemp, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { StartupError } from '../../../core/errors.ts';
import { runServerProgram } from './run-server-program.ts';
import type { ServerAccount } from './server-account.ts';
import type { ServerBinaries } from './server-binaries.ts';

export interface NewCluster {
  readonly binaries: ServerBinaries;
  readonly account: ServerAccount | null;
  /** Must not exist, or be empty; its parent must, and the account must be able to enter that. */
  readonly clusterDirectory: string;
  /** Of the superuser `postgres`. */
  readonly password: string;
  /** Written to postgresql.conf, where whoever runs the daemon may change them. */
  readonly settings: Readonly<Record<string, string>>;
  /** False leaves the files to the operating system's cache: for tests. */
  readonly sync?: boolean;
}

const INITDB_TIMEOUT_MS = 300_000;

/**
 * Runs initdb in a directory beside the final one and renames it when it is complete and on disk: a cluster that a kill
 * left half made is never mistaken for one. What killed attempts left behind is removed first, so nobody else may be
 * making the same cluster (the daemon's lock sees to that).
 *
 * @throws StartupError if initdb fails; the message says what it said
 */
export async function createCluster(cluster: NewCluster): Promise<void> {
  const parent = dirname(cluster.clusterDirectory);
  if ((await readdir(cluster.clusterDirectory).catch(() => [])).length > 0) {
    throw new StartupError(
      `${cluster.clusterDirectory} holds files but no PostgreSQL cluster: nothing was changed. Restore it, or move it away to begin with an empty database.`,
    );
  }
  const prefix = `${basename(cluster.clusterDirectory)}.initialising-`;
  for (const name of (await readdir(parent)).filter((name) => name.startsWith(prefix))) {
    // An initdb that outlived its daemon may still be writing into it; then it goes with the next start.
    await rm(join(parent, name), { recursive: true, force: true }).catch(() => {});
  }
  const staging = await mkdtemp(join(parent, prefix));
  try {
    const staged = join(staging, 'cluster');
    await runInitdb(cluster, staging, staged);
    await rename(staged, cluster.clusterDirectory);
    if (cluster.sync !== false) await syncDirectory(parent);
  } finally {
    await rm(staging, { recursive: true, force: true }).catch(() => {});
  }
}

async function runInitdb(cluster: NewCluster, staging: string, staged: string): Promise<void> {
  const { account } = cluster;
  const passwordFile = join(staging, 'password');
  await writeFile(passwordFile, `${cluster.password}\n`, { mode: 0o600 });
  if (account) {
    await chown(passwordFile, account.uid, account.gid);
    await chown(staging, account.uid, account.gid);
  }
  await chmod(staging, 0o700);
  const args = [
    `--pgdata=${staged}`,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--locale=C',
    '--encoding=UTF8',
    ...Object.entries(cluster.settings).map(([name, value]) => `--set=${name}=${value}`),
    ...(cluster.sync === false ? ['--no-sync'] : []),
  ];
  const result = await runServerProgram(cluster.binaries.initdb, args, { account, timeoutMs: INITDB_TIMEOUT_MS });
  if (result.exitCode === 0) return;
  const said = result.output.split('\n').filter((line) => /error|fatal|hint|could not/i.test(line));
  const cure = /look up effective user ID/.test(result.output)
    ? ' Run as a user that /etc/passwd knows, or set DATABASE_URL.'
    : '';
  throw new StartupError(
    `PostgreSQL's data directory could not be made in ${dirname(staging)}: ${said.join(' ') || result.output || 'initdb was killed'}.${cure}`,
  );
}

/** Makes a rename survive a power cut. Windows cannot open directories, and does not need it. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
