/** The API put together: its services over the stores, its endpoints over those, and who may call. */
import { createApiKeys } from './admin/api-keys.ts';
import { createDestinations } from './admin/destinations.ts';
import { createKeyCheck, type KeyCheck } from './admin/key-check.ts';
import type { Config } from './config.ts';
import type { Clock } from './core/ports.ts';
import type { Spool } from './core/spool.ts';
import type { Deliveries } from './deliveries.ts';
import { createAddressGuard } from './delivery/address-guard.ts';
import { checkHeaderName, isHeaderValue } from './delivery/headers.ts';
import { API_PREFIX } from './http/api/api-scope.ts';
import type { Endpoint } from './http/api/endpoint.ts';
import { auditEndpoints } from './http/routes/api/audit.ts';
import { deliveryEndpoints } from './http/routes/api/deliveries.ts';
import { destinationEndpoints } from './http/routes/api/destinations.ts';
import { eventEndpoints } from './http/routes/api/events.ts';
import { followerEndpoints } from './http/routes/api/followers.ts';
import { keyEndpoints } from './http/routes/api/keys.ts';
import { withOpenApi } from './http/routes/api/openapi.ts';
import { replayEndpoints } from './http/routes/api/replays.ts';
import { statusEndpoints } from './http/routes/api/status.ts';
import { streamEndpoints } from './http/routes/api/stream.ts';
import type { Ingest } from './ingest/pipeline.ts';
import { SERVICE, VERSION } from './package.ts';
import { origins } from './providers/index.ts';
import type { Storage } from './storage/open-storage.ts';
import { createFollowers } from './stream/followers.ts';
import { createStreams, type Streams } from './stream/streams.ts';

export interface Api {
  readonly endpoints: readonly Endpoint[];
  readonly checkKey: KeyCheck;
  /** To be ended when the process stops. */
  readonly streams: Streams;
}

export interface ApiParts {
  readonly config: Config;
  readonly storage: Storage;
  readonly ingest: Ingest;
  /** Null in a process that takes no webhooks. */
  readonly spool: Spool | null;
  readonly deliveries: Pick<Deliveries, 'sendTrial' | 'replayOrdered'>;
  /** Gives the first key where none is configured. */
  readonly generate: (name: 'ADMIN_API_KEY') => string;
  readonly clock: Clock;
}

export function createApi(parts: ApiParts): Api {
  const { config, storage, deliveries, clock } = parts;
  const { admin, deliverySignals, positionSignals } = storage;
  const { ADMIN_API_KEY: configured, NODE_ENV } = config;
  const firstKey = configured ?? (NODE_ENV === 'production' ? null : parts.generate('ADMIN_API_KEY'));
  const destinations = createDestinations({
    store: admin.destinations,
    rules: destinationRules(config),
    sendTrial: deliveries.sendTrial,
    onDue: () => deliverySignals.notify(),
  });
  const { positions: reader, followers: store } = admin;
  const streams = createStreams({ reader, store, signals: positionSignals, origins });
  const endpoints = [
    ...eventEndpoints({ events: admin.events, origins }),
    ...streamEndpoints(streams),
    ...followerEndpoints(createFollowers({ store, reader })),
    ...destinationEndpoints(destinations),
    ...deliveryEndpoints(admin.deliveries),
    ...replayEndpoints({ replays: admin.replays, onDue: deliveries.replayOrdered, clock }),
    ...statusEndpoints(statusReader(parts)),
    ...keyEndpoints(createApiKeys({ store: admin.keys, clock })),
    ...auditEndpoints(admin.audit),
  ];
  return {
    endpoints: withOpenApi(endpoints, { prefix: API_PREFIX, version: VERSION }),
    checkKey: createKeyCheck({ configured: firstKey, store: admin.keys, clock }),
    streams,
  };
}

function destinationRules({ DELIVERY_ALLOW_NETWORKS = [] }: Config) {
  const guard = createAddressGuard({ allow: DELIVERY_ALLOW_NETWORKS });
  return {
    url: (url: string) => guard.checkUrl(url),
    headerName: checkHeaderName,
    headerValue: (value: string) => (isHeaderValue(value) ? null : 'holds characters that no header can have'),
  };
}

function statusReader({ config, storage, ingest, spool }: ApiParts) {
  return {
    process: () => ({
      service: SERVICE,
      version: VERSION,
      node: process.version,
      role: config.ROLE,
      uptimeSeconds: Math.round(process.uptime()),
      database: storage.databaseState(),
      redis: storage.redisState(),
      ...ingest.activity(),
      spool: spool?.counts() ?? null,
    }),
    dispatch: () => storage.dispatch.counts(),
    deliveries: () => storage.deliveryCounts(),
  };
}
