/** Everything that the API reads and changes, over connections of its own: what operators ask for may take its time. */
import type { ApiKeyStore } from '../../core/api-key.ts';
import type { AuditStore } from '../../core/audit.ts';
import type { DeliveryAdmin } from '../../core/delivery-admin.ts';
import type { DestinationStore } from '../../core/destination-store.ts';
import type { EventReader } from '../../core/event-reader.ts';
import type { FollowerStore, PositionReader } from '../../core/follower.ts';
import type { ReplayAdmin } from '../../core/replay.ts';
import type { SecretBox } from '../../core/secret-box.ts';
import { createApiKeyStore } from './api-key-store.ts';
import { createAuditStore, createAuditWriter } from './audit-log.ts';
import { createChanges } from './change.ts';
import { createDeliveryAdmin } from './delivery-admin-store.ts';
import { createDestinationStore } from './destination-store.ts';
import { createEventReader } from './event-reader.ts';
import { createFollowerStore } from './follower-store.ts';
import { createPositionPool, createPositionReader } from './position-reader.ts';
import { createSharedPrisma } from './prisma.ts';
import { createReplayAdmin } from './replay-admin-store.ts';

/** Opened when they are needed, closed again after ten idle seconds. */
const CONNECTIONS = 3;
/** Milliseconds. A page of events is looked for in steps that are much shorter. */
const QUERY_TIMEOUT = 5_000;
const CONNECT_TIMEOUT = 2_000;

export interface AdminStores {
  readonly keys: ApiKeyStore;
  readonly audit: AuditStore;
  readonly destinations: DestinationStore;
  readonly deliveries: DeliveryAdmin;
  readonly replays: ReplayAdmin;
  readonly events: EventReader;
  readonly positions: PositionReader;
  readonly followers: FollowerStore;
}

export interface AdminStoresOptions {
  readonly databaseUrl: string;
  readonly secretBox: SecretBox;
  /** Days for which changes stay on record. */
  readonly auditRetentionDays: number;
  /** Deliveries are due that were not. */
  readonly onDue: () => void;
  /** There are new acknowledgements, or a follower has another stream or none. */
  readonly onFollowed: () => void;
}

/** Opens nothing yet. */
export function openAdminStores(options: AdminStoresOptions) {
  const { databaseUrl, secretBox, auditRetentionDays, onDue, onFollowed } = options;
  const connection = {
    databaseUrl,
    applicationName: 'webhook-gateway api',
    connectTimeoutMs: CONNECT_TIMEOUT,
    queryTimeoutMs: QUERY_TIMEOUT,
  };
  const { prisma, close } = createSharedPrisma(connection, CONNECTIONS);
  const positions = createPositionPool(databaseUrl);
  const makeChange = createChanges(prisma, createAuditWriter(auditRetentionDays));
  const stores: AdminStores = {
    keys: createApiKeyStore(prisma, makeChange),
    audit: createAuditStore(prisma),
    destinations: createDestinationStore({ prisma, makeChange, box: secretBox }),
    deliveries: createDeliveryAdmin({ prisma, makeChange, onDue }),
    replays: createReplayAdmin({ prisma, makeChange }),
    events: createEventReader(prisma),
    positions: createPositionReader(positions),
    followers: createFollowerStore({ prisma, makeChange, onFollowed }),
  };
  return { stores, close: () => Promise.all([close(), positions.close()]) };
}
