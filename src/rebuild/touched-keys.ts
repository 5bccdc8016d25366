/** The keys that events touch, and the events that fail: a batch as for real, applied to nothing. */
import { type OwedEvent, ReductionError } from '../core/dispatch.ts';
import type { TouchedKeys } from '../core/rebuild.ts';
import { type Projectors, projectBatch } from '../dispatch/project-batch.ts';

/**
 * Reducers run on rows that are not there, so one that fails only on what a row already holds is not found; nor is what
 * PostgreSQL would refuse.
 */
export function touchedKeys(events: readonly OwedEvent[], projectors: Projectors): TouchedKeys {
  const faults = new Map<string, string>();
  for (;;) {
    const batch = projectBatch(events, { projectors, faults, retryDelays: [] });
    for (const { rows } of batch.tables) for (const { next } of rows) next(null);
    try {
      batch.assertReduced();
    } catch (error) {
      if (!(error instanceof ReductionError)) throw error;
      for (const [eventId, fault] of error.faults) faults.set(eventId, fault);
      continue;
    }
    const tables = batch.tables.map(({ table, rows }) => ({ table, keys: rows.map(({ key }) => key) }));
    return { tables, failures: batch.failures };
  }
}
