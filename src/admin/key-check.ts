/** Is this a key, and what is it good for? */
import { hash } from 'node:crypto';
import type { ApiKey, ApiKeyStore, Scope } from '../core/api-key.ts';
import { isOneOf } from '../core/hmac.ts';
import type { Clock } from '../core/ports.ts';

/** The name under which the configured key acts. */
export const CONFIGURED_KEY = 'ADMIN_API_KEY';

/** Milliseconds between two writes of `last_used_at`. */
const USE_INTERVAL = 60_000;
/** What `createKeyText` makes. Anything else is no key, and PostgreSQL need not be asked. */
const KEY_FORM = /^whg_[0-9A-Za-z]{32,64}$/;

export interface Caller {
  /** Id of the key, or `ADMIN_API_KEY`. */
  readonly id: string;
  readonly scope: Scope;
}

export type Verdict =
  | { readonly ok: true; readonly caller: Caller }
  /** `reason`: a public sentence. */
  | { readonly ok: false; readonly reason: string };

/** @throws StoreError if PostgreSQL cannot say; never for the configured key, which opens without it */
export type KeyCheck = (token: string | null) => Promise<Verdict>;

export interface KeyCheckOptions {
  /** ADMIN_API_KEY; null if there is none. */
  readonly configured: string | null;
  readonly store: Pick<ApiKeyStore, 'find' | 'anyUsable' | 'used'>;
  readonly clock: Clock;
}

export function createKeyCheck({ configured, store, clock }: KeyCheckOptions): KeyCheck {
  const refuse = async (reason: string): Promise<Verdict> => {
    const anyKey = configured !== null || (await store.anyUsable(clock()));
    return { ok: false, reason: anyKey ? reason : NO_KEY_YET };
  };
  return async (token) => {
    if (token === null) return refuse('a key is needed: send it as "Authorization: Bearer <key>"');
    if (configured !== null && isOneOf(token, [configured])) {
      return { ok: true, caller: { id: CONFIGURED_KEY, scope: 'admin' } };
    }
    // The look-up goes by the hash: what its time tells of it helps nobody to guess a key.
    const key = KEY_FORM.test(token) ? await store.find(hash('sha256', token, 'buffer')) : null;
    const now = clock();
    const fault = key === null ? 'this is no key of this gateway' : faultOf(key, now);
    if (key === null || fault !== null) return refuse(fault ?? '');
    // Nobody waits for it, and a use that is not remembered is no fault of the caller.
    if (isStale(key.lastUsedAt, now)) store.used(key.id, now).catch(() => undefined);
    return { ok: true, caller: { id: key.id, scope: key.scope } };
  };
}

const NO_KEY_YET =
  'there is no API key yet: set ADMIN_API_KEY (at least 16 characters) and restart the gateway; POST /api/v1/keys then makes others';

/** Told only to somebody who has the key. */
function faultOf({ revokedAt, expiresAt }: ApiKey, now: Date): string | null {
  if (revokedAt !== null) return 'this key has been revoked';
  return expiresAt !== null && expiresAt <= now ? 'this key has expired' : null;
}

function isStale(lastUsedAt: Date | null, now: Date): boolean {
  return lastUsedAt === null || now.getTime() - lastUsedAt.getTime() >= USE_INTERVAL;
}
