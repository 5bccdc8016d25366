/** Delivery put together: the worker over the store, and all that an attempt needs. */
import { randomUUID } from 'node:crypto';
import type { Config } from './config.ts';
import type { Clock } from './core/ports.ts';
import type { SendTrial } from './core/trial-delivery.ts';
import { createAddressGuard } from './delivery/address-guard.ts';
import { createAttempt } from './delivery/attempt.ts';
import { deliveryLog } from './delivery/delivery-log.ts';
import { createSender } from './delivery/send.ts';
import { createTrialSender } from './delivery/trial.ts';
import { createDeliveryMetrics } from './observability/delivery-metrics.ts';
import type { Logger } from './observability/logger.ts';
import type { Metrics } from './observability/metrics.ts';
import type { TrafficLog } from './observability/traffic-log.ts';
import { SERVICE, VERSION } from './package.ts';
import { providers } from './providers/index.ts';
import type { Storage } from './storage/open-storage.ts';
import { createRedisStreamSink } from './storage/redis/stream-sink.ts';
import { createDeliveryWorker, type DeliveryWorker } from './workers/delivery-worker.ts';

export interface DeliveriesParts {
  readonly config: Pick<Config, 'DELIVERY_ALLOW_NETWORKS'>;
  readonly storage: Pick<Storage, 'deliveries' | 'deliverySignals' | 'redis'>;
  readonly metrics: Pick<Metrics, 'registry'>;
  readonly traffic: TrafficLog;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface Deliveries extends DeliveryWorker {
  /** Deliveries have been made by this process. */
  routed(): void;
  readonly sendTrial: SendTrial;
}

export function createDeliveries(parts: DeliveriesParts): Deliveries {
  const { config, storage, metrics, traffic, logger, clock } = parts;
  const { deliveries: store, deliverySignals: signals, redis } = storage;
  const sender = createSender({ guard: createAddressGuard({ allow: config.DELIVERY_ALLOW_NETWORKS ?? [] }) });
  const owner = randomUUID();
  const attempt = createAttempt({
    sender,
    sink: redis === null ? null : createRedisStreamSink(redis),
    providers,
    userAgent: `${SERVICE}/${VERSION}`,
    owner,
    clock,
    random: Math.random,
  });
  const listener = deliveryLog({ metrics: createDeliveryMetrics(metrics.registry), traffic });
  const worker = createDeliveryWorker({ store, attempt, owner, listener, logger });
  let listening: ReturnType<typeof signals.listen> | undefined;
  return {
    start() {
      listening ??= signals.listen(() => worker.wake());
      worker.start();
    },
    wake: () => worker.wake(),
    routed() {
      worker.wake();
      // Others may have room where this process has none.
      signals.notify();
    },
    sendTrial: createTrialSender({ attempt, providers, clock }),
    async close() {
      await Promise.all([worker.close(), listening?.close()]);
      await sender.close();
    },
  };
}
