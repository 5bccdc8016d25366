/** The process's one connection to Redis, guarded: whatever Redis does, nobody waits long, nothing piles up, nothing throws. */
import { isIP } from 'node:net';
import { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { type Outcome, outcomeOf, withDeadline } from './deadline.ts';
import { errorReason } from './error-reason.ts';

/** How long anybody waits for an answer of Redis, in milliseconds. */
const DEADLINE_MS = 50;
/** Deadlines missed in a row after which Redis counts as away. */
const MISSES_UNTIL_AWAY = 3;
/** Commands sent and not answered; more are not sent. */
const MAX_OUTSTANDING = 1000;

export interface RedisConnectionOptions {
  /** `redis://` or `rediss://` (TLS), already validated. */
  readonly url: string;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  /** Told each change between up and away, and the first state found. */
  readonly onState?: (up: boolean) => void;
  /**
   * Every so many milliseconds: while Redis is away one try to connect, while it is up one PING, so that a Redis that
   * fell silent is noticed without traffic too.
   */
  readonly probeEveryMs?: number;
}

export interface RedisConnection {
  /** The bare client, for a library that wants one. Use it within `run`: a bare command has no deadline and no bound. */
  readonly client: Redis;
  /** True while Redis answers in time. */
  up(): boolean;
  /** Commands whose answers are still owed, also those that nobody waits for any more. */
  outstanding(): number;
  /**
   * Runs an operation of `commands` Redis commands. Never rejects: resolves to the fallback if Redis is away, refuses,
   * does not answer within 50 ms (a later answer is ignored), or owes too many answers already.
   */
  run<T>(operation: (client: Redis) => Promise<T>, fallback: T, commands?: number): Promise<T>;
  /** Calls the listener whenever Redis has become up; returns the function that stops this. */
  onUp(listener: () => void): () => void;
  /** Cuts the connection; commands under way are given up. Idempotent; afterwards Redis is away for good. */
  close(): Promise<void>;
}

/** Starts to connect at once and returns without waiting for it. */
export function createRedisConnection(options: RedisConnectionOptions): RedisConnection {
  return new GuardedConnection(options);
}

class GuardedConnection implements RedisConnection {
  readonly client: Redis;
  readonly #options: RedisConnectionOptions;
  readonly #server: string;
  readonly #password: string;
  readonly #listeners = new Set<() => void>();
  readonly #tick: NodeJS.Timeout;
  /** Undefined until the first try has ended. */
  #up: boolean | undefined;
  #lastError: unknown;
  #outstanding = 0;
  #misses = 0;
  #lastMissAt = 0;
  #closing: Promise<void> | undefined;

  constructor(options: RedisConnectionOptions) {
    this.#options = options;
    const { host, hostname, password, protocol } = new URL(options.url);
    this.#server = host;
    this.#password = decodeURIComponent(password);
    const named = isIP(hostname) === 0 && !hostname.startsWith('[');
    this.client = new Redis(options.url, {
      connectionName: 'webhook-gateway',
      disableClientInfo: true,
      // Nothing here gains from RESP3, and RESP2 needs no HELLO, which Redis before 6 does not know.
      protocol: 2,
      // ioredis names no server in the TLS handshake by itself; hosted Redis is often found by that name.
      ...(protocol === 'rediss:' && named ? { tls: { servername: hostname } } : {}),
      connectTimeout: 500,
      disconnectTimeout: 100,
      // Commands are sent now or fail now. No `commandTimeout`: commands it rejects stay queued in ioredis.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      // `#look` reconnects, and PING says whether a Redis is ready: ioredis' own loops keep timers past a disconnect.
      retryStrategy: null,
      enableReadyCheck: false,
    });
    this.client.on('error', (error: unknown) => {
      this.#lastError = error;
      // ioredis goes on with database 0 when SELECT is refused; for AUTH it disconnects by itself.
      if (this.client.status === 'connect') this.client.disconnect(true);
    });
    this.client.on('ready', () => void this.#probe());
    this.client.on('close', () => this.#becomeAway(this.#lastError ?? new Error('connection closed')));
    this.#tick = setInterval(() => this.#look(), options.probeEveryMs ?? 1000);
  }

  up(): boolean {
    return this.#up === true && this.#closing === undefined;
  }

  outstanding(): number {
    return this.#outstanding;
  }

  async run<T>(operation: (client: Redis) => Promise<T>, fallback: T, commands = 1): Promise<T> {
    // One place is the probe's.
    if (!this.up() || this.#outstanding + commands >= MAX_OUTSTANDING) return fallback;
    const outcome = await this.#ask(operation, commands);
    return outcome.kind === 'value' ? outcome.value : fallback;
  }

  onUp(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      clearInterval(this.#tick);
      this.#listeners.clear();
      if (this.client.status === 'end') return resolve();
      this.client.once('end', () => resolve());
      this.client.disconnect();
    });
    return this.#closing;
  }

  async #ask<T>(operation: (client: Redis) => Promise<T>, commands: number): Promise<Outcome<T>> {
    const askedAt = performance.now();
    this.#outstanding += commands;
    const outcome = outcomeOf(() => operation(this.client));
    void outcome.then(() => {
      this.#outstanding -= commands;
    });
    const inTime = await withDeadline(outcome, DEADLINE_MS);
    if (inTime.kind === 'late') this.#missed(askedAt);
    else this.#misses = 0;
    return inTime;
  }

  #missed(askedAt: number): void {
    // A single hiccup makes everything under way late at once: it counts once.
    if (askedAt < this.#lastMissAt) return;
    this.#lastMissAt = performance.now();
    this.#misses += 1;
    if (this.#misses >= MISSES_UNTIL_AWAY) this.#drop();
  }

  /** Disconnecting is what frees the commands that ioredis still holds for answers. */
  #drop(): void {
    this.#becomeAway(new Error(`no answer within ${DEADLINE_MS} ms`));
    if (this.client.status !== 'end') this.client.disconnect(true);
  }

  #look(): void {
    if (this.client.status === 'ready') void this.#probe();
    else if (this.client.status === 'end') this.client.connect().catch(() => undefined);
    // Still in the handshake since the last time: whoever accepted the connection does not speak.
    else this.#drop();
  }

  async #probe(): Promise<void> {
    const outcome = await this.#ask((client) => client.ping(), 1);
    if (outcome.kind === 'value') this.#becomeUp();
    // LOADING, MASTERDOWN and their like: it is there, but of no use yet.
    else if (outcome.kind === 'error') this.#becomeAway(this.#lastError ?? outcome.error);
  }

  #becomeUp(): void {
    if (this.#up === true || this.#closing !== undefined || this.client.status !== 'ready') return;
    this.#up = true;
    this.#lastError = undefined;
    this.#options.logger.info({ redis: this.#server }, 'Redis is up');
    this.#options.onState?.(true);
    for (const listener of this.#listeners) listener();
  }

  #becomeAway(error: unknown): void {
    this.#misses = 0;
    if (this.#up === false || this.#closing !== undefined) return;
    this.#up = false;
    this.#options.logger.warn(
      { redis: this.#server, reason: errorReason(error, this.#password) },
      'Redis is away, going on without',
    );
    this.#options.onState?.(false);
  }
}
