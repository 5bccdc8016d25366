/** The form in which seen stores keep a key. */
import { hash } from 'node:crypto';
import type { SeenKey } from '../../core/ports.ts';

/**
 * The first 22 characters (132 bits) of SHA-256 over source and dedupe key. Fixed in length, so that memory can be reckoned in
 * keys, and wide enough that nobody finds two genuine keys with the same one. The NUL keeps `a` + `bc` from `ab` + `c`:
 * no source has one.
 */
export function hashSeenKey(key: SeenKey): string {
  // As text at once: by way of a Buffer it costs 0.9 us, so 0.3.
  return hash('sha256', `${key.source}\0${key.dedupeKey}`, 'base64url').slice(0, 22);
}
