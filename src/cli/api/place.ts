/** Which gateway a command talks to, and with which key. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Environment } from '../../config.ts';
import { StartupError } from '../../core/errors.ts';
import { readDaemonFile } from '../../storage/disk/daemon-file.ts';
import { readGeneratedSecret } from '../../storage/disk/generated-secrets.ts';

export interface Place {
  /** Base of the API, for instance `http://127.0.0.1:3000/api/v1`. */
  readonly url: string;
  readonly key: string;
  /** Where the key comes from, for errors: `the key of ADMIN_API_KEY`. */
  readonly keyName: string;
}

export interface PlaceOptions {
  readonly url?: string;
  readonly keyFile?: string;
}

const API_PATH = '/api/v1';
const NAME_ONE = 'name one with --url or WEBHOOK_GATEWAY_URL';

/**
 * The one that is named, else the daemon that runs on this machine's DATA_DIR. The key is never an argument, which other users
 * could read in the list of processes.
 *
 * @throws StartupError that says what to give
 */
export function findPlace(options: PlaceOptions, environment: Environment): Place {
  const dataDir = resolve(setting(environment, 'DATA_DIR') ?? './data');
  const named = options.url ?? setting(environment, 'WEBHOOK_GATEWAY_URL');
  const url = named === undefined ? daemonUrl(dataDir) : apiUrl(named, options.url === undefined);
  const key = givenKey(options, environment) ?? generatedKey(url, dataDir);
  if (key === null) {
    throw new StartupError(
      `There is no key for ${url}: put one into WEBHOOK_GATEWAY_KEY, or name a file that holds it with --key-file.`,
    );
  }
  return { url, ...key };
}

function daemonUrl(dataDir: string): string {
  const daemon = readDaemonFile(dataDir);
  if (daemon === null) {
    throw new StartupError(
      `No gateway runs on ${dataDir}: start one (npm start), set DATA_DIR to its own, or ${NAME_ONE}.`,
    );
  }
  if (daemon.api === null) {
    throw new StartupError(`The gateway on ${dataDir} serves no API (ROLE=ingest): ${NAME_ONE}.`);
  }
  return daemon.api;
}

function apiUrl(text: string, fromEnvironment: boolean): string {
  const url = /^https?:\/\//.test(text) && URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.username !== '' || url.password !== '') {
    const name = fromEnvironment ? 'WEBHOOK_GATEWAY_URL' : '--url';
    throw new StartupError(`${name}: write a URL without a password, such as https://gateway.example.com`);
  }
  const path = url.pathname.replace(/\/+$/, '');
  return `${url.origin}${path.endsWith(API_PATH) ? path : `${path}${API_PATH}`}`;
}

type Key = Pick<Place, 'key' | 'keyName'>;

function givenKey({ keyFile }: PlaceOptions, environment: Environment): Key | null {
  if (keyFile !== undefined) return keyIn(keyFile, `the key of ${keyFile}`);
  for (const name of ['WEBHOOK_GATEWAY_KEY', 'ADMIN_API_KEY']) {
    const file = setting(environment, `${name}_FILE`);
    const key = setting(environment, name);
    if (key !== undefined) return checkedKey(key, name, `the key of ${name}`);
    if (file !== undefined) return keyIn(file, `the key of ${name}_FILE`);
  }
  return null;
}

function keyIn(file: string, keyName: string): Key {
  let key: string;
  try {
    key = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new StartupError(
      `${file} cannot be read (${(error as NodeJS.ErrnoException).code}): name a file that holds a key.`,
    );
  }
  return checkedKey(key, file, keyName);
}

function checkedKey(key: string, place: string, keyName: string): Key {
  if (/^[\x21-\x7e]+$/.test(key)) return { key, keyName };
  throw new StartupError(`${place} holds no key: it is to hold one line, without spaces.`);
}

/** That of this machine's daemon, which is told to nobody else. */
function generatedKey(url: string, dataDir: string): Key | null {
  const local =
    ['127.0.0.1', '[::1]', 'localhost'].includes(new URL(url).hostname) || readDaemonFile(dataDir)?.api === url;
  const key = local ? readGeneratedSecret(dataDir, 'ADMIN_API_KEY') : null;
  return key === null ? null : { key, keyName: `the key that is kept in ${dataDir}` };
}

function setting(environment: Environment, name: string): string | undefined {
  return environment[name]?.trim() || undefined;
}
