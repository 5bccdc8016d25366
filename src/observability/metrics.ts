/** Every metric, declared once with its help text. All known series exist from the start, at zero. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Clock } from '../core/ports.ts';
import { SIGNATURE_FAILURES } from '../core/provider.ts';
import type { SpoolCounts } from '../core/spool.ts';

/** How a webhook request ended; the label of `webhook_requests_total`. */
export const OUTCOMES = [
  'stored',
  'duplicate',
  'spooled',
  'unauthorized',
  'rate_limited',
  'too_large',
  'too_slow',
  'bad_request',
  'overloaded',
  'unavailable',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** What an answer of 200 means; the value of `x-webhook-accepted`. */
export const ACCEPTED = ['stored', 'duplicate', 'spooled'] as const;
export type Accepted = (typeof ACCEPTED)[number];

/** Bounds in seconds. 0.25 and 1 are Meta's own: median at most 250 ms, under 1 % above 1 s. */
const ACK_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export interface MetricsOptions {
  /** Every configured source, with how many secrets it has. */
  readonly sources: readonly { readonly name: string; readonly secrets: number }[];
  readonly version: string;
}

export type Metrics = ReturnType<typeof createMetrics>;

/** Read when the metrics are. */
export interface DependencyReading {
  readonly database: () => boolean;
  readonly redis: () => boolean;
}

export interface QueueReading {
  readonly depth: () => number;
  readonly bytes: () => number;
}

export interface SpoolReading {
  readonly counts: () => SpoolCounts;
  readonly breakerOpen: () => boolean;
  readonly clock: Clock;
}

export function createMetrics(options: MetricsOptions) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];

  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });

  /** A count that somebody else keeps. */
  const counter = (name: string, help: string, read: () => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });

  const metrics = {
    registry,
    requests: new Counter({
      name: 'webhook_requests_total',
      help: 'Webhook requests by how they were answered',
      labelNames: ['source', 'outcome'],
      registers,
    }),
    events: new Counter({
      name: 'webhook_events_total',
      help: 'Events found in verified requests, by whether they were new',
      labelNames: ['source', 'result'],
      registers,
    }),
    ackDuration: new Histogram({
      name: 'webhook_ack_duration_seconds',
      help: 'Seconds from the arrival of a request to its answer of 200',
      labelNames: ['source', 'accepted'],
      buckets: ACK_BOUNDS,
      registers,
    }),
    signatureFailures: new Counter({
      name: 'webhook_signature_failures_total',
      help: 'Requests refused for their signature, by reason',
      labelNames: ['source', 'reason'],
      registers,
    }),
    signatureMatches: new Counter({
      name: 'webhook_signature_matches_total',
      help: 'Verified requests by the position of the secret that matched, from 0: an old secret without matches may go',
      labelNames: ['source', 'secret'],
      registers,
    }),
    lastVerified: new Gauge({
      name: 'webhook_last_verified_timestamp_seconds',
      help: 'Unix time of the last verified request',
      labelNames: ['source'],
      registers,
    }),
    handshakes: new Counter({
      name: 'webhook_handshakes_total',
      help: 'URL checks by the provider (GET), by how they were answered',
      labelNames: ['source', 'result'],
      registers,
    }),
    batchSize: new Histogram({
      name: 'webhook_batch_size',
      help: 'Requests stored by one statement',
      buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000],
      registers,
    }),
    batchDuration: new Histogram({
      name: 'webhook_batch_duration_seconds',
      help: 'Seconds from sending a batch to its commit or failure',
      buckets: ACK_BOUNDS,
      registers,
    }),
    /** Declares what tells whether the dependencies are there, once they are opened. */
    watchDependencies({ database, redis }: DependencyReading): void {
      gauge('webhook_database_up', '1 if PostgreSQL can take webhooks', () => Number(database()));
      gauge('webhook_redis_up', '1 if Redis answers; 0 if it does not, or there is none', () => Number(redis()));
    },
    /** Declares the gauges of the queue, once there is one. */
    watchQueue({ depth, bytes }: QueueReading): void {
      gauge('webhook_queue_depth', 'Verified requests that wait for their commit, those in flight included', depth);
      gauge('webhook_queue_bytes', 'Bytes of webhooks in memory: being read, queued and in flight', bytes);
    },
    spoolDrained: new Counter({
      name: 'webhook_spool_drained_total',
      help: 'Spooled requests that have been stored in PostgreSQL since',
      registers,
    }),
    /** Declares what tells of the spool, in a process that has one. */
    watchSpool({ counts, breakerOpen, clock }: SpoolReading): void {
      const age = () => {
        const { oldest } = counts();
        return oldest === null ? 0 : Math.max(0, (clock().getTime() - oldest.getTime()) / 1000);
      };
      gauge('webhook_spool_records', 'Requests in the spool', () => counts().records);
      gauge('webhook_spool_bytes', 'Bytes of the spool on the disk', () => counts().bytes);
      gauge('webhook_spool_oldest_seconds', 'Age of the oldest request in the spool; 0 if it is empty', age);
      gauge(
        'webhook_spool_aside_bytes',
        'Bytes of .rejected and .corrupt files in the spool',
        () => counts().asideBytes,
      );
      counter('webhook_spool_rejected_total', 'Spooled requests put aside in .rejected files', () => counts().rejected);
      counter('webhook_spool_corrupt_total', 'Damaged parts put aside in .corrupt files', () => counts().corrupt);
      counter('webhook_spool_torn_total', 'Unfinished records cut off the end of a file', () => counts().torn);
      gauge('webhook_breaker_open', '1 while webhooks go to the spool without asking PostgreSQL', () =>
        Number(breakerOpen()),
      );
    },
    buildInfo: new Gauge({
      name: 'webhook_build_info',
      help: 'Always 1; the version is in the labels',
      labelNames: ['version', 'node'],
      registers,
    }),
  };

  metrics.buildInfo.set({ version: options.version, node: process.version }, 1);
  for (const { name: source, secrets } of options.sources) {
    for (const outcome of OUTCOMES) metrics.requests.inc({ source, outcome }, 0);
    for (const result of ['new', 'duplicate']) metrics.events.inc({ source, result }, 0);
    for (const accepted of ACCEPTED) metrics.ackDuration.zero({ source, accepted });
    for (const reason of SIGNATURE_FAILURES) metrics.signatureFailures.inc({ source, reason }, 0);
    for (let secret = 0; secret < secrets; secret++) metrics.signatureMatches.inc({ source, secret }, 0);
    for (const result of ['accepted', 'refused']) metrics.handshakes.inc({ source, result }, 0);
    metrics.lastVerified.set({ source }, 0);
  }
  return metrics;
}
