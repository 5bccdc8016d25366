/**
 * Sends what is in the spool to PostgreSQL, in order, and so finds out when PostgreSQL is back.
 *
 * At least once: a record is removed after its commit, and one that had been committed before finds all its events known.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProviderName, VerifiedRequest } from '../core/event.ts';
import type { EventStore } from '../core/ports.ts';
import type { Provider } from '../core/provider.ts';
import type { Spool, SpooledRequest } from '../core/spool.ts';
import { type Appended, appendBatch, type DataFaultListener } from './append-batch.ts';
import type { StoreBreaker } from './store-breaker.ts';
import { requestFromSpool } from './verified-request.ts';

/** Most records and bytes of one statement. Larger than live batches: nobody waits for the answer, and PostgreSQL may be slow. */
const MAX_RECORDS = 500;
const MAX_BYTES = 8 * 1024 * 1024;
/** While webhooks come in beside: their statements must not wait for long. */
const MAX_BESIDE_LIVE = 100;
const RETRY_MS = 1_000;
/** Times that a record fails while others are committed, before it is put aside. */
const MAX_STRIKES = 3;
/** Records among which one is picked to tell a bad record from an outage. */
const WITNESSES = { records: 100, bytes: 4 * 1024 * 1024 };
/** Milliseconds for which a stop waits for the statement under way. What it stores is drained again and found known. */
const STOP_WAIT_MS = 500;

export interface SpoolDrainOptions {
  readonly spool: Spool;
  /** Of the drain alone: with a deadline of its own, longer than that of live batches. */
  readonly store: EventStore;
  readonly providers: Readonly<Record<ProviderName, Provider>>;
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

export class SpoolDrain {
  readonly #options: SpoolDrainOptions;
  readonly #retryMs: number;
  readonly #stop = new AbortController();
  /** By record id: how often it failed while another was committed. */
  readonly #strikes = new Map<string, number>();
  #running: Promise<void> | undefined;
  #again = false;

  constructor(options: SpoolDrainOptions) {
    this.#options = options;
    this.#retryMs = options.retryMs ?? RETRY_MS;
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
    // Fewer after a failure: a small statement is answered sooner, and a bad record ends up alone.
    let records = MAX_RECORDS;
    while (!this.#stop.signal.aborted) {
      this.#again = false;
      const outcome = await this.#drainSome(records).catch((error: Error) => {
        // The disk does not give back what it holds.
        this.#options.listener.onStalled(`the spool cannot be read: ${error.message}`);
        return 'failed' as const;
      });
      if (outcome === 'empty') return;
      if (outcome === 'drained') records = Math.min(records * 4, MAX_RECORDS);
      else {
        records = Math.max(1, records >> 3);
        await this.#pause(this.#retryMs);
      }
    }
  }

  async #drainSome(most: number): Promise<'drained' | 'failed' | 'empty'> {
    const { spool, breaker, liveTraffic } = this.#options;
    const limit = liveTraffic() ? Math.min(most, MAX_BESIDE_LIVE) : most;
    const records = await spool.peek({ records: limit, bytes: MAX_BYTES });
    if (records.length === 0) return 'empty';
    const { seconds, failed } = await this.#send(records);
    if (failed === null) {
      // As long again for those who wait for their answer.
      if (!breaker.open && liveTraffic()) await this.#pause(seconds * 1000);
      return 'drained';
    }
    if (records.length === 1) await this.#judge(failed.record, failed.reason);
    return 'failed';
  }

  /** Sends the records in one statement; removes those that are committed, and rejects those that PostgreSQL refuses for their data. */
  async #send(records: readonly SpooledRequest[]) {
    const { spool, store, breaker, commitTimeoutMs, listener } = this.#options;
    const requests = records.map((record) => requestFromSpool(record, this.#options.providers[record.provider]));
    const startedAt = performance.now();
    const results = await appendBatch(store, requests, listener);
    const seconds = (performance.now() - startedAt) / 1000;
    if (this.#stop.signal.aborted) return { seconds, failed: null };

    const committed = records.filter((_, index) => results[index]?.ok);
    if (committed.length > 0 && seconds * 1000 < commitTimeoutMs) breaker.close();
    requests.forEach((request, index) => {
      const result = results[index];
      if (!result?.ok) return;
      this.#strikes.delete(request.id);
      listener.onDrained(request, result.newEvents);
    });
    await spool.remove(committed);
    let failed: { record: SpooledRequest; reason: string } | null = null;
    for (const [index, record] of records.entries()) {
      const error = errorOf(results[index]);
      if (error === null) continue;
      if (error.fault === 'data') await this.#reject(record, error.message);
      else failed ??= { record, reason: error.message };
    }
    return { seconds, failed };
  }

  /** An outage, or a record that fails by itself, again and again? Others tell: one that is committed speaks against the record. */
  async #judge(record: SpooledRequest, reason: string): Promise<void> {
    const { spool, breaker, listener } = this.#options;
    const strikes = this.#strikes.get(record.id) ?? 0;
    const liveCommits = breaker.commits;
    const others = (await spool.peek(WITNESSES)).filter(({ id }) => id !== record.id);
    // Picked at random, or two bad neighbours would excuse each other for ever.
    const witness = others[Math.floor(Math.random() * others.length)];
    const works =
      witness === undefined ? await this.#liveCommit(liveCommits) : (await this.#send([witness])).failed === null;
    if (!works || this.#stop.signal.aborted) {
      listener.onStalled(reason);
      return;
    }
    this.#strikes.set(record.id, strikes + 1);
    if (strikes + 1 < MAX_STRIKES) return;
    this.#strikes.delete(record.id);
    await this.#reject(record, reason);
  }

  async #liveCommit(before: number): Promise<boolean> {
    await this.#pause(this.#retryMs);
    return this.#options.breaker.commits > before;
  }

  async #reject(record: SpooledRequest, reason: string): Promise<void> {
    await this.#options.spool.reject(record);
    this.#options.listener.onRejected(record, reason);
  }

  async #pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}

function errorOf(result: Appended | undefined) {
  return result === undefined || result.ok ? null : result.error;
}
