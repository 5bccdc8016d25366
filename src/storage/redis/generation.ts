/**
 * Which period of the database the keys in Redis belong to, agreed between processes through one list in Redis.
 *
 * A generation is a random id at the head of that list. Why no process ever reads a key that its database lacks:
 * 1. A restore, failover or reset of PostgreSQL cuts every connection. A process begins a generation only after that,
 *    when it is connected again, and with an id that was never used before.
 * 2. It takes over another process's id only if its own stands further down in the same list: then that id is younger
 *    than its own, so it too was begun after the restore. A list that lacks its own id was flushed, restored from an old
 *    dump, or belongs to a replica that lagged, and says nothing about age; then the process begins anew. (A counter in
 *    place of the list would fail here: a Redis that has gone back counts up to the same numbers again.)
 * 3. A key is written under the id that was current before its statement was sent. An id that is younger than the
 *    restore therefore stands only on keys that were committed after it, however late `remember` arrives.
 * What is left is the moment between the cut and the process noticing it; the head having changed shortens that one,
 * because then nothing is known for sure.
 */
import { randomBytes } from 'node:crypto';
import type { Generation } from '../../core/ports.ts';
import type { RedisConnection } from './connection.ts';
import { errorReason, isRefusal } from './error-reason.ts';

/** Ids kept. A process whose own has dropped off the end begins a new one: a cold cache, nothing worse. */
const LINEAGE_LENGTH = 1000;
/** For databases that are gone. Where it runs out in use, the next look-up begins a new generation. */
const LINEAGE_TTL_SECONDS = 30 * 86_400;
/** Pause between two tries to begin while Redis refuses, in milliseconds. */
const RETRY_MS = 1000;

export class RedisGeneration {
  readonly #connection: RedisConnection;
  readonly #onRefusal: (reason: string) => void;
  #databaseId: string | null = null;
  #current: Generation = null;
  /** Names the latest begin; the answer to an earlier one, arriving late, is void. */
  #attempt = 0;
  #lastAttemptAt = 0;
  #following = false;

  constructor(connection: RedisConnection, onRefusal: (reason: string) => void) {
    this.#connection = connection;
    this.#onRefusal = onRefusal;
  }

  /** The generation that keys may be read and written under now; null while there is none. */
  get current(): Generation {
    return this.#current;
  }

  /** The list in Redis: youngest id first. */
  listKey(): string {
    return `whg:${this.#databaseId}:generations`;
  }

  /** Where a key is kept under the given generation. */
  key(generation: string, hashedKey: string): string {
    return `whg:${this.#databaseId}:${generation}:${hashedKey}`;
  }

  /** The database is connected (again): begins a generation, at once or as soon as Redis takes it. */
  start(databaseId: string): void {
    this.#databaseId = databaseId;
    void this.#begin();
  }

  /** The database is not connected: there is no generation until `start`. */
  stop(): void {
    this.#databaseId = null;
    this.#end();
  }

  /** Tries again to begin if there is reason to and the last try is a second ago. */
  retry(): void {
    if (performance.now() - this.#lastAttemptAt >= RETRY_MS) this.retryNow();
  }

  /** Tries again to begin if there is reason to. */
  retryNow(): void {
    if (this.#databaseId !== null && this.#current === null) void this.#begin();
  }

  /** To be called when the list's head is another id than `mine`: takes the younger one over, or begins a new one. */
  async follow(mine: string): Promise<void> {
    if (this.#following) return;
    this.#following = true;
    const list = this.listKey();
    const lineage = await this.#connection.run((client) => client.lrange(list, 0, -1), null);
    this.#following = false;
    // Unique ids: as long as it is still `mine`, no connection was lost meanwhile.
    if (lineage === null || this.#current !== mine) return;
    if (lineage.includes(mine)) this.#current = lineage[0] ?? null;
    else await this.#begin();
  }

  async #begin(): Promise<void> {
    this.#end();
    const attempt = this.#attempt;
    this.#lastAttemptAt = performance.now();
    const id = randomBytes(9).toString('base64url');
    const list = this.listKey();
    const replies = await this.#connection.run(
      (client) =>
        client
          .pipeline()
          .lpush(list, id)
          .ltrim(list, 0, LINEAGE_LENGTH - 1)
          .expire(list, LINEAGE_TTL_SECONDS)
          .exec(),
      null,
      3,
    );
    if (attempt !== this.#attempt || !replies?.[0]) return;
    const [error] = replies[0];
    if (error === null) this.#current = id;
    else if (isRefusal(error)) this.#onRefusal(errorReason(error));
  }

  #end(): void {
    this.#current = null;
    this.#attempt += 1;
  }
}
