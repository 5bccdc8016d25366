/** Secrets that were not configured: generated once and kept in DATA_DIR, so that the first run needs no configuration. */
import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StartupError } from '../../core/errors.ts';
import { newEncryptionKey } from '../../core/secret-box.ts';
import { makeDataDir } from './data-dir.ts';
import { makeDirectory } from './make-directory.ts';

export const PROVIDER_SECRETS = ['META_APP_SECRET', 'META_VERIFY_TOKEN', 'STRIPE_WEBHOOK_SECRET'] as const;
export type ProviderSecretName = (typeof PROVIDER_SECRETS)[number];

export const GENERATED_SECRETS = [...PROVIDER_SECRETS, 'ENCRYPTION_KEYS', 'ADMIN_API_KEY'] as const;
export type SecretName = (typeof GENERATED_SECRETS)[number];

/** Where a generated secret is kept. */
export function secretFile(dataDir: string, name: SecretName): string {
  return join(dataDir, 'secrets', name);
}

/** The secret if it has been generated before, else null. */
export function readGeneratedSecret(dataDir: string, name: SecretName): string | null {
  try {
    const secret = readFileSync(secretFile(dataDir, name), 'utf8').trim();
    if (secret !== '') return secret;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw cannotKeep(error, dataDir);
  }
  throw new StartupError(`${secretFile(dataDir, name)} is empty. Remove it, and the next start generates another.`);
}

/**
 * The secret, generated if there is none yet. Of two processes that generate it at the same moment both get the same.
 *
 * @throws StartupError if DATA_DIR cannot be written
 */
export function ensureGeneratedSecret(dataDir: string, name: SecretName): string {
  const existing = readGeneratedSecret(dataDir, name);
  if (existing !== null) return existing;
  const file = secretFile(dataDir, name);
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    makeDataDir(dataDir);
    makeDirectory(join(dataDir, 'secrets'), 0o700);
    writeFileSync(draft, `${generate(name)}\n`, { mode: 0o600, flush: true });
    // A link appears whole or not at all, and fails if another process was first.
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw cannotKeep(error, dataDir);
  } finally {
    rmSync(draft, { force: true });
  }
  return readFileSync(file, 'utf8').trim();
}

function generate(name: SecretName): string {
  if (name === 'ENCRYPTION_KEYS') return newEncryptionKey();
  const text = randomBytes(24).toString('hex');
  return name === 'STRIPE_WEBHOOK_SECRET' ? `whsec_${text}` : text;
}

function cannotKeep(error: unknown, dataDir: string): StartupError {
  const { code } = error as NodeJS.ErrnoException;
  return new StartupError(
    `Generated secrets cannot be kept in DATA_DIR (${dataDir}): ${code}. Make it writable, or set the secrets.`,
  );
}
