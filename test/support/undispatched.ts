/** Committed and never dispatched is impossible: what can be held against that. */

import type { OwedEvent } from '../../src/core/dispatch.ts';
import { UNKNOWN } from '../../src/core/event-columns.ts';
import type { ProjectionTable } from '../../src/core/projection.ts';
import type { Projectors } from '../../src/dispatch/project-batch.ts';
import { projectors } from '../../src/providers/projectors.ts';
import { keyParameters, statementsOf } from '../../src/storage/postgres/projection-table.ts';

// biome-ignore lint/suspicious/noExplicitAny: rows of several queries
export type Query = (sql: string, parameters?: readonly unknown[]) => Promise<any[]>;

const WITHOUT_MARK = `
  SELECT id, source, provider, type, dedupe_key AS "dedupeKey", subject, occurred_at AS "occurredAt",
         received_at AS "receivedAt", payload
    FROM events WHERE payload IS NOT NULL AND type <> '${UNKNOWN}'
     AND NOT EXISTS (SELECT FROM event_dispatch WHERE event_id = id)`;

const known: Projectors = projectors;

/** Ids of events that are neither owed nor projected: without a mark, and without one of the rows that they touch. */
export async function undispatched(query: Query): Promise<ReadonlySet<string>> {
  const tables = new Map<ProjectionTable, { readonly key: readonly string[]; readonly eventId: string }[]>();
  for (const event of (await query(WITHOUT_MARK)) as (OwedEvent & { payload: object })[]) {
    for (const { table, key } of known[event.provider]?.project(event) ?? []) {
      const touched = tables.get(table) ?? [];
      tables.set(table, touched);
      touched.push({ key, eventId: event.id });
    }
  }
  const lost = new Set<string>();
  for (const [table, touched] of tables) {
    const keys = touched.map(({ key }) => key);
    const rows = await query(statementsOf(table).present, keyParameters(table, keys));
    const present = new Set(rows.map((row) => table.key.map((column) => row[column]).join('\0')));
    for (const { key, eventId } of touched) if (!present.has(key.join('\0'))) lost.add(eventId);
  }
  return lost;
}

/** True once nothing is left to do; an event that failed is not waited for. */
export async function allDispatched(query: Query): Promise<boolean> {
  return (await query('SELECT FROM event_dispatch WHERE attempts = 0 LIMIT 1')).length === 0;
}
