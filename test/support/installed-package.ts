/** The built package in another place than this checkout: where PM2 runs it, or another user. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DAEMON_SCRIPT, openTempDirectory } from './daemon.ts';

export const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));

/** Copies what the build made and what the daemon reads besides; not the dependencies. */
export function copyPackage(root: string): void {
  cpSync(dirname(DAEMON_SCRIPT), join(root, 'dist'), { recursive: true });
  cpSync(join(REPOSITORY, 'prisma/migrations'), join(root, 'prisma/migrations'), { recursive: true });
  cpSync(join(REPOSITORY, 'package.json'), join(root, 'package.json'));
}

/**
 * An installation that any user can run, for tests run by root: this checkout may lie below a directory that only root may
 * enter. Returns its root, in a temporary directory; whoever asked removes it.
 */
export function installForEverybody(): string {
  const root = openTempDirectory('gateway-installed-');
  copyPackage(root);
  const dependencies = productionDependencies();
  const copy = (how: string): void => {
    execFileSync('cp', [how, '--parents', ...dependencies, root], { cwd: REPOSITORY, stdio: 'ignore' });
  };
  try {
    // Links: it is about 170 MB.
    copy('-al');
  } catch {
    copy('-a');
  }
  return root;
}

interface Lockfile {
  readonly packages: Readonly<Record<string, { readonly dev?: true; readonly devOptional?: true }>>;
}

/** Folders of those that are installed on this platform, the embedded PostgreSQL among them. */
function productionDependencies(): string[] {
  const { packages } = JSON.parse(readFileSync(join(REPOSITORY, 'package-lock.json'), 'utf8')) as Lockfile;
  return Object.entries(packages)
    .filter(([, { dev, devOptional }]) => !dev && !devOptional)
    .map(([folder]) => folder)
    .filter((folder) => folder.lastIndexOf('node_modules/') === 0 && existsSync(join(REPOSITORY, folder)));
}
