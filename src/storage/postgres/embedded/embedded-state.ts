/** What the embedded PostgreSQL remembers from start to start, in one private file of DATA_DIR. */
import { randomBytes } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { StartupError } from '../../../core/errors.ts';

export interface EmbeddedState {
  /** Of the superuser `postgres`. */
  readonly password?: string;
  /** Of the last start, so that it stays the same where possible. */
  readonly port?: number;
  /** Where the cluster is if it is not in DATA_DIR: moving or renaming DATA_DIR must not lose it. */
  readonly clusterHome?: string;
}

export function embeddedStatePath(dataDirectory: string): string {
  return join(dataDirectory, 'embedded-postgres.json');
}

/** @throws StartupError if the file is there and cannot be understood */
export async function readEmbeddedState(dataDirectory: string): Promise<EmbeddedState> {
  const path = embeddedStatePath(dataDirectory);
  const content = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}';
    throw error;
  });
  try {
    return parseState(JSON.parse(content));
  } catch {
    throw new StartupError(`${path} is damaged. Delete it: the data stay, and the next start sets a new password.`);
  }
}

/** Replaces the file; after a crash it holds either the old state or the new one. Readable by its owner only. */
export async function writeEmbeddedState(dataDirectory: string, state: EmbeddedState): Promise<void> {
  const path = embeddedStatePath(dataDirectory);
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(state, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}

function parseState(value: unknown): EmbeddedState {
  if (typeof value !== 'object' || value === null) throw new TypeError('not an object');
  return {
    ...('password' in value && typeof value.password === 'string' ? { password: value.password } : {}),
    ...('port' in value && typeof value.port === 'number' ? { port: value.port } : {}),
    ...('clusterHome' in value && typeof value.clusterHome === 'string' ? { clusterHome: value.clusterHome } : {}),
  };
}
