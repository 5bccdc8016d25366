/** Delivery put together: the worker over the store, all that an attempt needs, and the worker behind replays. */
import { randomUUID } from 'node:crypto';
import type { Config } from './config.ts';
import type { Clock } from './core/ports.ts';
import type { SendTrial } from './core/trial-delivery.ts';
import { createAddressGuard } from './delivery/address-guard.ts';
import { createAttempt } from './delivery/attempt.ts';
import { deliveryLog } from './delivery/delivery-log.ts';
import { createSender } from './delivery/send.ts';
import { createTrialSender } from './delivery/trial.ts';
import { conditionLog } from './dispatch/dispatch-log.ts';
import { createDeliveryMetrics } from './observability/delivery-metrics.ts';
import type { Logger } from './observability/logger.ts';
import type { Metrics } from './observability/metrics.ts';
import type { TrafficLog } from './observability/traffic-log.ts';
import { SERVICE, VERSION } from './package.ts';
import { origins } from './providers/index.ts';
import { createReplayPlanner } from './replay/plan-replay.ts';
import type { Storage } from './storage/open-storage.ts';
import { createRedisStreamSink } from './storage/redis/stream-sink.ts';
import { createDeliveryWorker, type DeliveryWorker } from './workers/delivery-worker.ts';
import { createReplayWorker } from './workers/replay-worker.ts';

export interface DeliveriesParts {
  readonly config: Pick<Config, 'DELIVERY_ALLOW_NETWORKS'>;
  readonly storage: Pick<Storage, 'deliveries' | 'deliverySignals' | 'redis' | 'replays'>;
  /** Events of our own have been committed: they are owed to be dispatched. */
  readonly onOwnEvents: () => void;
  readonly metrics: Pick<Metrics, 'registry'>;
  readonly traffic: TrafficLog;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface Deliveries extends DeliveryWorker {
  /** Deliveries have been made by this process. */
  routed(): void;
  /** A replay has been ordered, or cancelled. */
  replayOrdered(): void;
  readonly sendTrial: SendTrial;
}

export function createDeliveries(parts: DeliveriesParts): Deliveries {
  const { config, storage, onOwnEvents, metrics, traffic, logger, clock } = parts;
  const { deliveries: store, deliverySignals: signals, redis } = storage;
  const sender = createSender({ guard: createAddressGuard({ allow: config.DELIVERY_ALLOW_NETWORKS ?? [] }) });
  const owner = randomUUID();
  const attempt = createAttempt({
    sender,
    sink: redis === null ? null : createRedisStreamSink(redis),
    origins,
    userAgent: `${SERVICE}/${VERSION}`,
    owner,
    clock,
    random: Math.random,
  });
  const listener = deliveryLog({ metrics: createDeliveryMetrics(metrics.registry), traffic, logger, onOwnEvents });
  const worker = createDeliveryWorker({ store, attempt, owner, listener, logger });
  const routed = () => {
    worker.wake();
    // Others may have room where this process has none.
    signals.notify();
  };
  const plan = createReplayPlanner(conditionLog(logger));
  const replays = createReplayWorker({ store: storage.replays, plan, onOwed: routed, logger });
  let listening: ReturnType<typeof signals.listen> | undefined;
  return {
    start() {
      listening ??= signals.listen(() => worker.wake());
      worker.start();
      replays.start();
    },
    wake: () => worker.wake(),
    routed,
    replayOrdered: () => replays.wake(),
    sendTrial: createTrialSender({ attempt, origins, clock }),
    async close() {
      await Promise.all([worker.close(), replays.close(), listening?.close()]);
      // What has been given back is due now: others may be asleep until a lease of it would have ended.
      signals.notify();
      await sender.close();
    },
  };
}
