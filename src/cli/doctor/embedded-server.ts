/** Checks the private PostgreSQL of a DATA_DIR: its programs, its cluster, and whether its server runs. */
import { relative } from 'node:path';
import { StartupError } from '../../core/errors.ts';
import {
  describeEmbeddedPostgres,
  type EmbeddedPostgresDescription,
} from '../../storage/postgres/embedded/describe-embedded-postgres.ts';
import { findPlatformPackage } from '../../storage/postgres/embedded/platform-package.ts';
import { checkFreeSpace } from './data-directory.ts';
import { type Finding, fault, ok, warning } from './finding.ts';

export interface EmbeddedServerCheck {
  readonly findings: readonly Finding[];
  /** Only while the server takes connections. With its password: not to be shown. */
  readonly databaseUrl: string | undefined;
}

/**
 * @param dataDir absolute
 * @throws StartupError if the cluster is lost or damaged, and the system's error if this user may not look
 */
export async function checkEmbeddedServer(dataDir: string): Promise<EmbeddedServerCheck> {
  const description = await describeEmbeddedPostgres({ dataDir });
  const { initialised, dataDirectory, databaseUrl } = description;
  const findings = [...checkPrograms(description), ...description.notes.map(ok)];
  if (!initialised) {
    return { findings: [...findings, ok(`no cluster yet, \`npm start\` makes one: ${dataDirectory}`)], databaseUrl };
  }
  findings.push(...checkServer(description));
  if (relative(dataDir, dataDirectory).startsWith('..')) findings.push(...checkFreeSpace(dataDirectory));
  return { findings, databaseUrl };
}

function checkPrograms({ majorVersion, dataDirectory }: EmbeddedPostgresDescription): Finding[] {
  try {
    const { version } = findPlatformPackage();
    const brought = Number.parseInt(version, 10);
    if (majorVersion === undefined || majorVersion === brought) return [];
    const text = `${dataDirectory} was made by PostgreSQL ${majorVersion}, and this installation brings ${brought}`;
    return [fault(text, 'Nothing is lost: `npm start` refuses it, and says how to move the data.')];
  } catch (error) {
    if (error instanceof StartupError) return [fault(error.message)];
    throw error;
  }
}

function checkServer({ server, daemonPid, databaseUrl, dataDirectory }: EmbeddedPostgresDescription): Finding[] {
  if (server === undefined) {
    if (daemonPid === undefined)
      return [ok(`not running in ${dataDirectory}: \`npm start\` starts it with the daemon`)];
    const text = `not running, although a daemon (pid ${daemonPid}) has ${dataDirectory}`;
    return [
      fault(text, 'If it is not just starting or stopping, read postgres.log beside it, and restart the daemon.'),
    ];
  }
  const { pid, port, status } = server;
  if (status !== 'ready') {
    return [warning(`the server (pid ${pid}) is ${status}`, 'Wait: after a crash it reads its log first.')];
  }
  const running = ok(`running in ${dataDirectory} on port ${port} (pid ${pid})`);
  const problems: Finding[] = [];
  if (databaseUrl === undefined) {
    problems.push(warning('its password is lost', 'Restart the daemon: it sets another, and the data stay.'));
  }
  if (daemonPid === undefined) {
    problems.push(warning('a daemon that was killed left it running', '`npm start` takes it over.'));
  }
  return [running, ...problems];
}
