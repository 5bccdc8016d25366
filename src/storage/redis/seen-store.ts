/** The `SeenStore` that processes share: hashes of committed keys in Redis, gone by themselves after a while. */
import type { Logger } from 'pino';
import type { Generation, SeenKey, SeenStore } from '../../core/ports.ts';
import { hashSeenKey } from '../memory/seen-key-hash.ts';
import type { RedisConnection } from './connection.ts';
import { errorReason, isRefusal } from './error-reason.ts';
import { RedisGeneration } from './generation.ts';

/** Keys per MGET: a longer one would keep Redis from its other clients. */
const KEYS_PER_LOOKUP = 1000;
/** Keys per script call, for the same reason. */
const KEYS_PER_WRITE = 200;
/**
 * Milliseconds for which keys are gathered before they are written. A write to the socket costs 30 us, and so does a duplicate
 * that comes sooner and is found by PostgreSQL.
 */
const GATHER_MS = 10;
/** Keys waiting to be written; what comes on top is not remembered. About 1 MB. */
const MAX_UNWRITTEN = 10_000;
/** A quarter of the CPU in this process of as many pipelined SETs (3.3 against 12.8 us per key, 500 at a time). */
const REMEMBER_SCRIPT = `for i = 1, #KEYS do redis.call('SET', KEYS[i], '1', 'EX', ARGV[1]) end`;

export interface RedisSeenStoreOptions {
  /** Shared with others; whoever made it closes it. */
  readonly connection: RedisConnection;
  /** How long a key is remembered, in seconds. */
  readonly ttlSeconds: number;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  /** Milliseconds for which keys are gathered before they are written; 0: until the end of the turn of the event loop. */
  readonly gatherMs?: number;
}

export function createRedisSeenStore(options: RedisSeenStoreOptions): SeenStore {
  return new RedisSeenStore(options);
}

/** One request's question: all of its keys, as they are named in Redis. */
interface Lookup {
  readonly names: readonly string[];
  readonly resolve: (known: boolean) => void;
}

class RedisSeenStore implements SeenStore {
  readonly #connection: RedisConnection;
  readonly #ttlSeconds: number;
  readonly #gatherMs: number;
  readonly #logger: Pick<Logger, 'info' | 'warn'>;
  readonly #generation: RedisGeneration;
  readonly #stopListening: () => void;
  #lookups: Lookup[] = [];
  #unwritten: string[] = [];
  #writing = false;
  #refused = false;
  #closed = false;

  constructor(options: RedisSeenStoreOptions) {
    this.#connection = options.connection;
    this.#ttlSeconds = options.ttlSeconds;
    this.#gatherMs = options.gatherMs ?? GATHER_MS;
    this.#logger = options.logger;
    this.#generation = new RedisGeneration(options.connection, (reason) => this.#setRefused(reason));
    this.#stopListening = options.connection.onUp(() => this.#generation.retryNow());
  }

  generation(): Generation {
    return this.#generation.current;
  }

  async allKnown(keys: readonly SeenKey[]): Promise<boolean> {
    const generation = this.#generation.current;
    if (generation === null) this.#generation.retry();
    if (generation === null || keys.length === 0 || !this.#connection.up()) return false;
    const names = keys.map((key) => this.#generation.key(generation, hashSeenKey(key)));
    return new Promise((resolve) => {
      // Everything asked in one turn of the event loop travels together: a command costs more CPU than a key.
      if (this.#lookups.length === 0) setImmediate(() => void this.#lookUp(generation));
      this.#lookups.push({ names, resolve });
    });
  }

  remember(generation: Generation, keys: readonly SeenKey[]): void {
    if (generation === null || generation !== this.#generation.current || !this.#connection.up()) return;
    for (const key of keys) {
      if (this.#unwritten.length >= MAX_UNWRITTEN) break;
      this.#unwritten.push(this.#generation.key(generation, hashSeenKey(key)));
    }
    this.#writeSoon();
  }

  databaseConnected(databaseId: string): void {
    if (!this.#closed) this.#generation.start(databaseId);
  }

  databaseLost(): void {
    this.#generation.stop();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopListening();
    this.#generation.stop();
    this.#unwritten = [];
  }

  /** Answers the look-ups gathered since the first of them, which was made under the given generation. */
  async #lookUp(generation: string): Promise<void> {
    const lookups = this.#lookups;
    this.#lookups = [];
    const present = await this.#fetch(
      generation,
      lookups.flatMap((lookup) => lookup.names),
    );
    let start = 0;
    for (const { names, resolve } of lookups) {
      const end = start + names.length;
      resolve(end <= present.length && present.slice(start, end).every(Boolean));
      start = end;
    }
  }

  /** For each of the names whether Redis holds it; empty if it cannot be said, or if the generation is not the current one any more. */
  async #fetch(generation: string, names: readonly string[]): Promise<readonly boolean[]> {
    if (generation !== this.#generation.current) return [];
    const chunks = inChunks(names, KEYS_PER_LOOKUP);
    const list = this.#generation.listKey();
    const replies = await this.#connection.run(
      (client) => {
        const pipeline = client.pipeline().lindex(list, 0);
        for (const chunk of chunks) pipeline.mget(chunk);
        return pipeline.exec();
      },
      null,
      1 + chunks.length,
    );
    if (replies === null || replies.some(([error]) => error !== null) || generation !== this.#generation.current)
      return [];
    const [head, ...values] = replies.map(([, reply]) => reply);
    if (head !== generation) {
      void this.#generation.follow(generation);
      return [];
    }
    return values.flat().map((value) => value === '1');
  }

  #writeSoon(): void {
    if (this.#writing || this.#unwritten.length === 0) return;
    this.#writing = true;
    if (this.#gatherMs === 0) setImmediate(() => void this.#write());
    else setTimeout(() => void this.#write(), this.#gatherMs).unref();
  }

  /** Writes what has been gathered, one call under way at a time: a slow Redis gets fewer keys, not a longer queue. */
  async #write(): Promise<void> {
    for (let left = this.#unwritten.length; left > 0; left -= KEYS_PER_WRITE) {
      const names = this.#unwritten.splice(0, KEYS_PER_WRITE);
      const outcome = await this.#connection.run<unknown>(
        (client) => client.eval(REMEMBER_SCRIPT, names.length, ...names, this.#ttlSeconds).catch(refusalOnly),
        undefined,
      );
      if (outcome === null) this.#setAccepted();
      else if (outcome !== undefined) this.#setRefused(errorReason(outcome));
    }
    this.#writing = false;
    this.#writeSoon();
  }

  /** A Redis that is full or read-only answers, so it is not away; the operator should know all the same. Once. */
  #setRefused(reason: string): void {
    if (this.#refused) return;
    this.#refused = true;
    this.#logger.warn({ reason }, 'Redis refuses to remember keys, duplicates are looked up in PostgreSQL');
  }

  #setAccepted(): void {
    if (!this.#refused) return;
    this.#refused = false;
    this.#logger.info('Redis remembers keys again');
  }
}

/** Makes a value of the error that is Redis's own answer; rethrows the others. */
function refusalOnly(error: unknown): unknown {
  if (isRefusal(error)) return error;
  throw error;
}

function inChunks<T>(items: readonly T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let from = 0; from < items.length; from += size) chunks.push(items.slice(from, from + size));
  return chunks;
}
