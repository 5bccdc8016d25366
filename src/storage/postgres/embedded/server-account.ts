/** The operating system's user that PostgreSQL runs as: it refuses root, so a root daemon lends it another one. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { StartupError } from '../../../core/errors.ts';
import { runServerProgram } from './run-server-program.ts';

/** A user and its primary group. Where a function takes `null` instead, PostgreSQL runs as the user that we are. */
export interface ServerAccount {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

const CANDIDATES = ['postgres', 'nobody'];

export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/**
 * The account for a new cluster: `null` unless we are root, else `postgres` if it exists, else `nobody`.
 *
 * @throws StartupError if we are root and neither exists (initdb refuses a uid without an entry in the user database)
 */
export async function defaultServerAccount(): Promise<ServerAccount | null> {
  if (!isRoot()) return null;
  for (const name of CANDIDATES) {
    const account = await findAccount((fields) => fields[0] === name, name);
    if (account) return account;
  }
  throw new StartupError(
    'PostgreSQL refuses to run as root and this system has neither a user "postgres" nor "nobody": create one (useradd --system postgres), start the daemon as an ordinary user, or set DATABASE_URL.',
  );
}

/** The account that owns an existing cluster: its server must run as the owner of its files. */
export async function accountOfOwner(owner: { uid: number; gid: number }): Promise<ServerAccount> {
  const known = await findAccount((fields) => Number(fields[2]) === owner.uid, String(owner.uid));
  return known ?? { name: `uid ${owner.uid}`, uid: owner.uid, gid: owner.gid };
}

/** True if the account can enter the directory: asked of the system itself, which knows about access lists too. */
export async function canEnter(account: ServerAccount | null, directory: string): Promise<boolean> {
  if (account === null) return true;
  const result = await runServerProgram('/bin/sh', ['-c', 'cd -- "$1"', 'sh', directory], {
    account,
    timeoutMs: 10_000,
  });
  return result.exitCode === 0;
}

/** Searches /etc/passwd, then (directory services, LDAP) what `getent` knows. Node has no getpwnam. */
async function findAccount(matches: (fields: string[]) => boolean, key: string): Promise<ServerAccount | undefined> {
  const local = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const found = parseAccounts(local).find(({ fields }) => matches(fields));
  if (found) return found.account;
  const remote = await promisify(execFile)('getent', ['passwd', key], { timeout: 10_000 }).catch(() => ({
    stdout: '',
  }));
  return parseAccounts(remote.stdout).find(({ fields }) => matches(fields))?.account;
}

function parseAccounts(passwd: string): { fields: string[]; account: ServerAccount }[] {
  return passwd
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 4)
    .map((fields) => ({
      fields,
      account: { name: fields[0] ?? '', uid: Number(fields[2]), gid: Number(fields[3]) },
    }));
}
