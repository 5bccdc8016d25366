/** The table `api_keys`. */
import type { ApiKey, ApiKeyStore, Scope } from '../../core/api-key.ts';
import { pageOf } from '../../core/page.ts';
import type { PrismaClient } from '../../generated/prisma/client.ts';
import type { MakeChange } from './change.ts';
import { withStoreErrors } from './store-error.ts';

/** Milliseconds between two writes of `last_used_at`, over all processes. */
const USE_INTERVAL = 60_000;

/** Everything but the hash. */
const SHOWN = {
  id: true,
  name: true,
  prefix: true,
  scope: true,
  createdAt: true,
  expiresAt: true,
  lastUsedAt: true,
  revokedAt: true,
} as const;

export function createApiKeyStore(prisma: PrismaClient, makeChange: MakeChange): ApiKeyStore {
  return {
    find: (sha256) =>
      withStoreErrors(async () => {
        const row = await prisma.apiKey.findUnique({ where: { sha256: Uint8Array.from(sha256) }, select: SHOWN });
        return row === null ? null : toKey(row);
      }),
    anyUsable: (now) =>
      withStoreErrors(async () => {
        const unexpired = { OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] };
        const row = await prisma.apiKey.findFirst({ where: { revokedAt: null, ...unexpired }, select: { id: true } });
        return row !== null;
      }),
    list: ({ after, limit }) =>
      withStoreErrors(async () => {
        const rows = await prisma.apiKey.findMany({
          ...(after === null ? {} : { where: { id: { lt: after } } }),
          orderBy: { id: 'desc' },
          take: limit + 1,
          select: SHOWN,
        });
        return pageOf(rows.map(toKey), limit);
      }),
    create: (key, change) =>
      makeChange(change, async (transaction) => {
        const row = await transaction.apiKey.create({
          data: { ...key, sha256: Uint8Array.from(key.sha256) },
          select: SHOWN,
        });
        return { result: toKey(row), changed: true };
      }),
    revoke: (id, at, change) =>
      makeChange(change, async (transaction) => {
        const { count } = await transaction.apiKey.updateMany({
          where: { id, revokedAt: null },
          data: { revokedAt: at },
        });
        const row = await transaction.apiKey.findUnique({ where: { id }, select: SHOWN });
        return { result: row === null ? null : toKey(row), changed: count === 1 };
      }),
    used: (id, at) =>
      withStoreErrors(async () => {
        const before = { lt: new Date(at.getTime() - USE_INTERVAL) };
        const where = { id, OR: [{ lastUsedAt: null }, { lastUsedAt: before }] };
        await prisma.apiKey.updateMany({ where, data: { lastUsedAt: at } });
      }),
  };
}

function toKey(row: Omit<ApiKey, 'scope'> & { readonly scope: string }): ApiKey {
  return { ...row, scope: row.scope as Scope };
}
