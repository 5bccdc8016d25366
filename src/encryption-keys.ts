/** The keys for the secrets of destinations. Used by the daemon and by the commands beside it. */
import type { Config } from './config.ts';

/**
 * In production there are those that are configured, or none, and then no destination can have a secret. Elsewhere one is
 * generated.
 *
 * @param generated the generated key; null if there is none
 */
export function encryptionKeys(
  { ENCRYPTION_KEYS, NODE_ENV }: Pick<Config, 'ENCRYPTION_KEYS' | 'NODE_ENV'>,
  generated: () => string | null,
): readonly string[] {
  if (ENCRYPTION_KEYS !== undefined) return ENCRYPTION_KEYS;
  const key = NODE_ENV === 'production' ? null : generated();
  return key === null ? [] : [key];
}
