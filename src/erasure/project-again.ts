/** Rows that were removed although others have a share in them are made again from the events that are left. */
import type { ErasureStore, FoundEvent } from '../core/erasure.ts';
import type { ProviderName } from '../core/event.ts';
import type { Projector } from '../core/projection.ts';
import { dispatchBatch } from '../dispatch/dispatch-batch.ts';
import { MAX_EVENTS } from '../dispatch/dispatcher.ts';
import { narrowProjectors } from '../dispatch/narrowed-projectors.ts';
import { routeNowhere } from '../dispatch/route.ts';
import { touchesOf } from './find-events.ts';
import type { RowSet } from './row-set.ts';

export interface ProjectAgainOptions {
  readonly store: ErasureStore;
  readonly provider: ProviderName;
  readonly projector: Projector;
  readonly rows: RowSet;
}

/**
 * Applies those of the events that touch one of the rows, to these rows only. They may be applied to them a second time, by
 * dispatch or by an erasure that was repeated: the result is the same.
 */
export async function projectAgain(events: readonly FoundEvent[], options: ProjectAgainOptions): Promise<void> {
  const { store, provider, projector, rows } = options;
  const ids = events
    .filter((event) => touchesOf(event, projector).some(({ table, key }) => rows.has(table, key)))
    .map(({ id }) => id);
  const projectors = narrowProjectors({ [provider]: projector }, ({ table, key }) => rows.has(table, key));
  for (let at = 0; at < ids.length; at += MAX_EVENTS) {
    const claim = { only: ids.slice(at, at + MAX_EVENTS), bytes: Number.MAX_SAFE_INTEGER };
    await dispatchBatch(claim, { store, projectors, route: routeNowhere, retryDelays: [] });
  }
}
