/** A rebuild from its first batch, or the one after it was stopped, to the last. */
import { setTimeout as sleep } from 'node:timers/promises';
import { BatchError, type ProjectionFailure } from '../core/dispatch.ts';
import { StoreError } from '../core/errors.ts';
import type { Rebuild, RebuildProgress } from '../core/rebuild.ts';
import type { Projectors } from '../dispatch/project-batch.ts';
import { RebuildBatches } from './batch-sizes.ts';

/** Milliseconds after the first failure in a row, and the most. */
const FIRST_BACKOFF = 100;
const MAX_BACKOFF = 5_000;
/** Milliseconds between two looks while live events wait, and the most for one batch: a rebuild has to end as well. */
const GIVE_WAY_LOOK = 50;
const GIVE_WAY_MOST = 2_000;
/** Not allowed, or not there: nothing that passes by itself. */
const LASTING = /^42/;
/** A lock that was not to be had, or a statement that took too long for it. */
const IN_USE = ['55P03', '57014', '40P01'];

export interface RebuildListener {
  onProgress(progress: RebuildProgress): void;
  onFailed(failure: ProjectionFailure): void;
  /** It is tried again until it goes on. @param inUse other sessions use the tables that are to be emptied */
  onWaiting(reason: string, inUse: boolean): void;
  onGoingOn(): void;
}

export interface RunOptions {
  /** Those of the scope: see `projectorsOf`. */
  readonly projectors: Projectors;
  readonly acceptLoss: boolean;
  readonly listener: RebuildListener;
  /** Stops it after the batch under way. */
  readonly signal: AbortSignal;
}

export type RebuildEnd =
  /** `unparked`: events that were parked and are due again. */
  { readonly outcome: 'finished'; readonly unparked: number } | { readonly outcome: 'stopped' };

/**
 * Goes on through outages of PostgreSQL.
 *
 * @throws StartupError if another process has taken it over, or events whose loss is not accepted were removed meanwhile
 * @throws StoreError, BatchError for what trying again does not mend
 */
export async function runRebuild(rebuild: Rebuild, options: RunOptions): Promise<RebuildEnd> {
  const { projectors, acceptLoss, listener, signal } = options;
  const { state } = rebuild;
  const batches = new RebuildBatches(rebuild, projectors);
  const patiently = <T>(work: () => Promise<T>) => untilDone(work, options);
  try {
    if (state.from === null && !state.measured) await patiently(() => rebuild.empty({ acceptLoss }));
    await patiently(() => rebuild.measure());
    for (;;) {
      const progress = await patiently(() => rebuild.progress());
      listener.onProgress(progress);
      if (progress.ended) return { outcome: 'finished', unparked: await patiently(() => rebuild.finish()) };
      const { failures } = await patiently(() => batches.next());
      for (const failure of failures) listener.onFailed(failure);
      await giveWay(rebuild, signal);
      if (signal.aborted) await rebuild.progress().then(listener.onProgress, () => undefined);
      signal.throwIfAborted();
    }
  } catch (error) {
    await rebuild.release().catch(() => undefined);
    if (signal.aborted && error === signal.reason) return { outcome: 'stopped' };
    throw error;
  }
}

/** Live events come first: while some have waited for long, for a moment nothing is done. */
async function giveWay(rebuild: Rebuild, signal: AbortSignal): Promise<void> {
  const end = performance.now() + GIVE_WAY_MOST;
  // What cannot be asked now, the next batch will find out.
  while (!signal.aborted && performance.now() < end && (await rebuild.liveEventsWait().catch(() => false)))
    await sleep(GIVE_WAY_LOOK);
}

/** @throws the signal's reason once it is aborted */
async function untilDone<T>(work: () => Promise<T>, { listener, signal }: RunOptions): Promise<T> {
  for (let failures = 0; ; failures++) {
    signal.throwIfAborted();
    try {
      const result = await work();
      if (failures > 1) listener.onGoingOn();
      return result;
    } catch (error) {
      const fault = storeErrorOf(error);
      if (fault === null || LASTING.test(fault.sqlState ?? '')) throw error;
      // The first is often gone at once: a lock, a connection that was cut.
      if (failures === 1) listener.onWaiting(fault.message, IN_USE.includes(fault.sqlState ?? ''));
      const backoff = Math.min(MAX_BACKOFF, FIRST_BACKOFF * 2 ** Math.min(10, failures));
      await sleep(backoff, undefined, { signal }).catch(() => undefined);
    }
  }
}

function storeErrorOf(error: unknown): StoreError | null {
  const cause = error instanceof BatchError ? error.cause : error;
  return cause instanceof StoreError ? cause : null;
}
