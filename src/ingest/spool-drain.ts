/**
 * Sends what is in the spool to PostgreSQL, in order, and so finds out when PostgreSQL is back.
 *
 * At least once: a record is removed after its commit, and one that had been committed before finds all its events known.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { StoreError } from '../core/errors.ts';
import type { VerifiedRequest, WebhookProviderName } from '../core/event.ts';
import type { EventStore } from '../core/ports.ts';
import type { Provider } from '../core/provider.ts';
import type { Spool, SpooledRequest } from '../core/spool.ts';
import { appendBatch, type DataFaultListener } from './append-batch.ts';
import { drainBatch } from './drain-batch.ts';
import { DrainPace } from './drain-pace.ts';
import { DrainSuspects } from './drain-suspects.ts';
import type { StoreBreaker } from './store-breaker.ts';

/** Bytes of bodies looked at for one statement. */
const MAX_BYTES = 8 * 1024 * 1024;
/** Milliseconds between two tries while PostgreSQL takes nothing. */
const RETRY_MS = 1_000;
/** Records among which one is picked to tell a bad record from an outage. */
const WITNESSES = 100;
/** Milliseconds for which a stop waits for the statement under way. What it stores is drained again and found known. */
const STOP_WAIT_MS = 500;

export interface SpoolDrainOptions {
  readonly spool: Spool;
  /** Of the drain alone: with a deadline of its own, longer than that of live batches. */
  readonly store: EventStore;
  readonly providers: Readonly<Record<WebhookProviderName, Provider>>;
  readonly breaker: StoreBreaker;
  /** Milliseconds within which a commit shows that PostgreSQL can take webhooks again. */
  readonly commitTimeoutMs: number;
  /** Are webhooks waiting for their commit? They go first. */
  readonly liveTraffic: () => boolean;
  readonly listener: DrainListener;
  /** Milliseconds between two tries while PostgreSQL takes nothing. */
  readonly retryMs?: number;
}

export interface DrainListener extends DataFaultListener {
  onDrained(request: VerifiedRequest, newEvents: number): void;
  /** PostgreSQL refuses this record by itself. */
  onRejected(request: SpooledRequest, reason: string): void;
  /** PostgreSQL takes nothing at the moment. */
  onStalled(reason: string): void;
}

interface Failure {
  readonly record: SpooledRequest;
  readonly error: StoreError;
}

export class SpoolDrain {
  readonly #options: SpoolDrainOptions;
  readonly #retryMs: number;
  readonly #stop = new AbortController();
  readonly #pace: DrainPace;
  readonly #suspects: DrainSuspects;
  #running: Promise<void> | undefined;
  #again = false;

  constructor(options: SpoolDrainOptions) {
    this.#options = options;
    this.#retryMs = options.retryMs ?? RETRY_MS;
    this.#pace = new DrainPace(options.commitTimeoutMs);
    this.#suspects = new DrainSuspects(this.#retryMs);
    options.spool.onRecords(() => this.start());
  }

  /** Drains until nothing is left. While it does, further calls only see to it that it looks once more. */
  start(): void {
    this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#again && !this.#stop.signal.aborted) this.start();
    });
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.race([this.#running, sleep(STOP_WAIT_MS)]);
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#again = false;
      const outcome = await this.#drainSome().catch((error: Error) => {
        // The disk does not give back what it holds.
        this.#options.listener.onStalled(`the spool cannot be read: ${error.message}`);
        return 'failed' as const;
      });
      if (outcome === 'empty') return;
      if (outcome === 'drained') continue;
      if (outcome === 'failed') this.#pace.failed();
      await this.#pause(this.#retryMs);
    }
  }

  /** `waiting`: only suspects are left, and all of them wait. */
  async #drainSome(): Promise<'drained' | 'failed' | 'waiting' | 'empty'> {
    const { breaker, liveTraffic } = this.#options;
    const { records, left } = await this.#oldest(this.#pace.records(liveTraffic()));
    if (records.length === 0) return left ? 'waiting' : 'empty';
    const { sent, milliseconds, failed } = await this.#send(records);
    if (failed === null) {
      this.#pace.committed(milliseconds);
      // As long again for those who wait for their answer.
      if (!breaker.open && liveTraffic()) await this.#pause(milliseconds);
      return 'drained';
    }
    if (sent === 1) await this.#judge(failed);
    return 'failed';
  }

  /** The oldest records that do not have to let others pass. `left`: there are records at all. */
  async #oldest(most: number): Promise<{ records: readonly SpooledRequest[]; left: boolean }> {
    const { records, bytes } = this.#suspects.size;
    const oldest = await this.#options.spool.peek({ records: most + records, bytes: MAX_BYTES + bytes });
    const due = oldest.filter((record) => !this.#suspects.waits(record)).slice(0, most);
    return { records: due, left: oldest.length > 0 };
  }

  /**
   * Sends the first of the records, as many as fit into one statement. Removes those that are committed, and rejects those that
   * PostgreSQL refuses for their data.
   */
  async #send(records: readonly SpooledRequest[]) {
    const { spool, store, providers, breaker, commitTimeoutMs, listener } = this.#options;
    const { batch, unknown } = await drainBatch(records, providers);
    for (const record of unknown) await this.#reject(record, 'this release does not know its provider');
    if (batch.length === 0) return { sent: 0, milliseconds: 0, failed: null };
    const startedAt = performance.now();
    const requests = batch.map(({ request }) => request);
    const results = await appendBatch(store, requests, listener);
    const milliseconds = performance.now() - startedAt;
    let failed: Failure | null = null;
    if (this.#stop.signal.aborted) return { sent: batch.length, milliseconds, failed };

    const committed: SpooledRequest[] = [];
    for (const [index, { record, request }] of batch.entries()) {
      const result = results[index];
      if (!result?.ok) continue;
      committed.push(record);
      this.#suspects.forget(record);
      listener.onDrained(request, result.newEvents);
    }
    if (committed.length > 0 && milliseconds < commitTimeoutMs) breaker.close();
    await spool.remove(committed);
    for (const [index, { record }] of batch.entries()) {
      const result = results[index];
      if (result === undefined || result.ok) continue;
      if (result.error.fault === 'data') await this.#reject(record, result.error.message);
      else failed ??= { record, error: result.error };
    }
    return { sent: batch.length, milliseconds, failed };
  }

  /** An outage, or a record that fails by itself, again and again? One that is committed meanwhile speaks against the record. */
  async #judge({ record, error }: Failure): Promise<void> {
    const liveCommits = this.#options.breaker.commits;
    const others = (await this.#oldest(WITNESSES)).records.filter(({ id }) => id !== record.id);
    // Picked at random, or two bad neighbours would excuse each other for ever.
    const witness = others[Math.floor(Math.random() * others.length)];
    const works =
      witness === undefined ? await this.#liveCommit(liveCommits) : (await this.#send([witness])).failed === null;
    if (this.#stop.signal.aborted) return;
    if (!works) this.#options.listener.onStalled(error.message);
    else if (this.#suspects.strike(record, error)) await this.#reject(record, error.message);
  }

  async #liveCommit(before: number): Promise<boolean> {
    await this.#pause(this.#retryMs);
    return this.#options.breaker.commits > before;
  }

  async #reject(record: SpooledRequest, reason: string): Promise<void> {
    await this.#options.spool.reject(record);
    this.#suspects.forget(record);
    this.#options.listener.onRejected(record, reason);
  }

  async #pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}
