/**
 * `NOTIFY` and `LISTEN` between processes that commit events, deliveries or positions, and those that work on them or follow.
 * A notification carries nothing: what is to be done stands in `event_dispatch`, `deliveries`, `event_positions` and `followers`.
 */
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { DispatchSignals } from '../../core/dispatch.ts';
import type { PrismaClient } from '../../generated/prisma/client.ts';
import { connectionConfig } from './connection.ts';

export const CHANNEL = 'webhook_gateway_events';
const DELIVERY_CHANNEL = 'webhook_gateway_deliveries';
const POSITION_CHANNEL = 'webhook_gateway_positions';
/** Milliseconds between two notifications of a process: at the commit of one PostgreSQL holds up all others for a moment. */
const NOTIFY_INTERVAL = 50;
/** Milliseconds for a connection, and for a sign of life. */
const TIMEOUT = 2_000;
const RECONNECT_DELAY = 1_000;
/** Milliseconds between two signs of life: a connection can vanish in a failover without a word. */
const HEARTBEAT = 15_000;

export interface DispatchSignalsOptions {
  readonly databaseUrl: string;
  readonly prisma: Pick<PrismaClient, '$executeRaw'>;
}

/**
 * However many listen to whatever, they share one connection.
 *
 * @returns with a `close` that ends what `notify` has begun; each `listen` is closed by itself
 */
export function createDispatchSignals({ databaseUrl, prisma }: DispatchSignalsOptions) {
  const listeners = new Set<Listener>();
  let connection: ReturnType<typeof listen> | undefined;
  const onChannel = (channel: string): { signals: DispatchSignals; close: () => Promise<void> } => {
    const notifier = createNotifier(async () => {
      await prisma.$executeRaw`SELECT pg_notify(${channel}, '')`;
    });
    const signals: DispatchSignals = {
      notify() {
        // At once, and also where a pooler before PostgreSQL lets no LISTEN through.
        for (const listener of listeners) if (listener.channel === channel) listener.onSignal();
        notifier.notify();
      },
      listen(onSignal) {
        const listener = { channel, onSignal };
        listeners.add(listener);
        connection ??= listen(databaseUrl, listeners);
        return {
          async close() {
            listeners.delete(listener);
            if (listeners.size > 0) return;
            const last = connection;
            connection = undefined;
            await last?.close();
          },
        };
      },
    };
    return { signals, close: () => notifier.close() };
  };
  const events = onChannel(CHANNEL);
  const deliveries = onChannel(DELIVERY_CHANNEL);
  const positions = onChannel(POSITION_CHANNEL);
  return {
    signals: events.signals,
    deliverySignals: deliveries.signals,
    positionSignals: positions.signals,
    async close() {
      await Promise.all([events, deliveries, positions].map((each) => each.close()));
    },
  };
}

interface Listener {
  readonly channel: string;
  readonly onSignal: () => void;
}

/** The first call sends at once; those within the interval become one at its end. */
export function createNotifier(send: () => Promise<void>, intervalMs = NOTIFY_INTERVAL) {
  let pause: NodeJS.Timeout | undefined;
  let again = false;
  let sending: Promise<void> = Promise.resolve();
  let closed = false;
  const notify = (): void => {
    again = true;
    if (pause !== undefined || closed) return;
    again = false;
    // Lost, it costs a few seconds: workers also look by themselves.
    sending = send().catch(() => undefined);
    pause = setTimeout(() => {
      pause = undefined;
      if (again) notify();
    }, intervalMs);
  };
  return {
    notify,
    /** Idempotent. */
    async close() {
      closed = true;
      clearTimeout(pause);
      await sending;
    },
  };
}

/** Keeps one connection that listens, for as long as nobody closes it. */
function listen(databaseUrl: string, listeners: ReadonlySet<Listener>) {
  const stop = new AbortController();
  const { signal } = stop;
  const config = connectionConfig({
    databaseUrl,
    applicationName: 'webhook-gateway listener',
    connectTimeoutMs: TIMEOUT,
    queryTimeoutMs: TIMEOUT,
  });
  const running = (async () => {
    while (!signal.aborted) {
      await listenOnce(config, listeners, signal).catch(() => undefined);
      await sleep(RECONNECT_DELAY, undefined, { signal }).catch(() => undefined);
    }
  })();
  return {
    async close() {
      stop.abort();
      await running;
    },
  };
}

/** Resolves or rejects when the connection has come to an end. */
async function listenOnce(config: pg.PoolConfig, listeners: ReadonlySet<Listener>, signal: AbortSignal): Promise<void> {
  const socket = new Socket();
  const Client: new (config: pg.ClientConfig) => pg.ClientBase = config.Client ?? pg.Client;
  const client = new Client({ ...config, stream: () => socket });
  const lost = new AbortController();
  client.on('error', () => lost.abort());
  client.on('end', () => lost.abort());
  client.on('notification', ({ channel }) => {
    for (const listener of listeners) if (listener.channel === channel) listener.onSignal();
  });
  const either = AbortSignal.any([signal, lost.signal]);
  // Also while it connects. The server sees an end like any other; one that does not answer would not take its leave.
  either.addEventListener('abort', () => socket.destroy(), { once: true });
  try {
    await client.connect();
    await client.query(`LISTEN ${CHANNEL}; LISTEN ${DELIVERY_CHANNEL}; LISTEN ${POSITION_CHANNEL}`);
    // Whatever was committed while nobody listened.
    for (const { onSignal } of listeners) onSignal();
    while (!either.aborted) {
      await sleep(HEARTBEAT, undefined, { signal: either }).catch(() => undefined);
      if (!either.aborted) await client.query('SELECT 1');
    }
  } finally {
    socket.destroy();
  }
}
