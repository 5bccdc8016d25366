/** The form in which seen stores keep a key. */
import { hash } from 'node:crypto';
import type { SeenKey } from '../../core/ports.ts';

/**
 * 16 bytes of SHA-256 over source and dedupe key, as 22 characters. Fixed in length, so that memory can be reckoned in
 * keys, and wide enough that nobody finds two genuine keys with the same one. The NUL keeps `a` + `bc` from `ab` + `c`:
 * no source has one.
 */
export function hashSeenKey(key: SeenKey): string {
  return hash('sha256', `${key.source}\0${key.dedupeKey}`, 'buffer').toString('base64url', 0, 16);
}
