/** The keys of the admin API: what each may do, and where they are kept. */
import type { Change } from './audit.ts';
import type { Page, PageRequest } from './page.ts';

/** Each may do what those before it may: see everything; also run what is there (pause, retry); also change everything. */
export const SCOPES = ['read', 'operate', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

export function scopeCovers(held: Scope, needed: Scope): boolean {
  return SCOPES.indexOf(held) >= SCOPES.indexOf(needed);
}

/** A key as it may be shown. */
export interface ApiKey {
  /** UUID v7. */
  readonly id: string;
  /** For people. */
  readonly name: string;
  /** The first characters of the key, by which its owner knows it. */
  readonly prefix: string;
  readonly scope: Scope;
  readonly createdAt: Date;
  /** From then on it opens nothing; null: never. */
  readonly expiresAt: Date | null;
  /** To the minute; null: not yet. */
  readonly lastUsedAt: Date | null;
  readonly revokedAt: Date | null;
}

export interface NewApiKey extends Pick<ApiKey, 'id' | 'name' | 'prefix' | 'scope' | 'createdAt' | 'expiresAt'> {
  /** Of the key's text: the text itself is kept nowhere. */
  readonly sha256: Buffer;
}

/** Rejects with a `StoreError` only. */
export interface ApiKeyStore {
  /** The key of that hash, expired and revoked ones included; null if there is none. */
  find(sha256: Buffer): Promise<ApiKey | null>;
  /** Is there one that opens something? */
  anyUsable(now: Date): Promise<boolean>;
  list(page: PageRequest): Promise<Page<ApiKey>>;
  create(key: NewApiKey, change: Change): Promise<ApiKey>;
  /** Null if there is no such key. One that has been revoked stays as it is, and nothing is written to the audit log. */
  revoke(id: string, at: Date, change: Change): Promise<ApiKey | null>;
  /** Remembers a use, unless one within the last minute is remembered. */
  used(id: string, at: Date): Promise<void>;
}
