/** Keys of the API as operators hand them out and take them back. */
import type { ApiKey, ApiKeyStore, Scope } from '../core/api-key.ts';
import type { Actor } from '../core/audit.ts';
import { Refusal } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';
import { rowId } from '../core/row-id.ts';
import { createKeyText } from './api-key-text.ts';

export interface ApiKeysOptions {
  readonly store: ApiKeyStore;
  readonly clock: Clock;
}

export interface NewKeySettings {
  readonly name: string;
  readonly scope: Scope;
  /** Null: never. */
  readonly expiresAt: Date | null;
}

export type ApiKeys = ReturnType<typeof createApiKeys>;

/** Every method rejects with a Refusal if it is not to be done so, or with a StoreError. */
export function createApiKeys({ store, clock }: ApiKeysOptions) {
  return {
    list: store.list,

    /** @returns with the key's text, which nobody can find out later */
    async create({ name, scope, expiresAt }: NewKeySettings, by: Actor): Promise<{ key: ApiKey; text: string }> {
      const createdAt = clock();
      if (expiresAt !== null && expiresAt <= createdAt) {
        const detail = { path: 'expiresAt', message: 'write a time in the future' };
        throw new Refusal('bad_request', 'the key would have expired already', [detail]);
      }
      const { text, prefix, sha256 } = createKeyText();
      const id = rowId();
      const details = { name, scope, prefix, expiresAt: expiresAt?.toISOString() ?? null };
      const change = { ...by, action: 'key.create', target: id, details };
      const key = await store.create({ id, name, prefix, sha256, scope, createdAt, expiresAt }, change);
      return { key, text };
    },

    async revoke(id: string, by: Actor): Promise<void> {
      const change = { ...by, action: 'key.revoke', target: id, details: null };
      const key = await store.revoke(id, clock(), change);
      if (key === null) throw new Refusal('not_found', 'there is no such key');
    },
  };
}
