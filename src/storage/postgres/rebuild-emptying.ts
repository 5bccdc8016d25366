/**
 * Empties the tables of a rebuild, each in a transaction of its own.
 *
 * TRUNCATE and not DELETE, which would take the rows in the order in which they lie and so could deadlock with those who
 * write rows, would leave every one of them to vacuum, and take as long as the tables are large.
 *
 * It never deadlocks, neither with writers (`row-writer.ts`) nor with queries that join the tables in whatever order: while it
 * waits for its one table it holds no other. What it does hold, its row of `projection_rebuilds` and that of `retention`,
 * nobody waits for who has a table. A writer that has looked into the table keeps it to its end: PostgreSQL grants it the
 * stronger lock that it writes with past whoever waits. So it never finds rows gone that it has seen.
 *
 * Whoever comes after us for the table waits behind us, and a dump or a long query keeps it for as long as it likes: so we
 * wait for two seconds, and come again.
 *
 * Between two of these transactions some tables are emptied and others are not. That does no harm: rows depend on the set of
 * events alone, and none is read before all tables are emptied.
 */
import type pg from 'pg';
import { StartupError } from '../../core/errors.ts';
import type { ProjectionTable } from '../../core/projection.ts';
import { quoted } from './projection-table.ts';
import { type HeldRebuild, renewLease } from './rebuild-lease.ts';

/** Longer than `deadlock_timeout` (a second), after which PostgreSQL sends away an autovacuum that is in the way. */
const LIMITS = `SET LOCAL lock_timeout = '2s'`;

/** Returns nothing if a table has been emptied before. */
const BEGIN_EMPTYING = `
UPDATE projection_rebuilds SET emptied_at = now() WHERE id = $1::uuid AND emptied_at IS NULL RETURNING id`;

/** @throws StartupError before the first table is emptied, if events have been removed and that is not accepted */
export async function emptyTable(
  client: pg.ClientBase,
  held: HeldRebuild,
  { name }: ProjectionTable,
  { acceptLoss }: { readonly acceptLoss: boolean },
): Promise<void> {
  await client.query(LIMITS);
  // From here on retention removes nothing (see its claim), and what it has removed before is seen.
  await renewLease(client, held);
  const { rows } = await client.query(BEGIN_EMPTYING, [held.id]);
  if (rows.length > 0 && !acceptLoss && (await eventsRemoved(client)) > 0) {
    throw new StartupError('Retention has removed events in the meantime: run it again to see what would be lost.');
  }
  await client.query(`TRUNCATE ${quoted(name)}`);
}

/** Events that retention has ever removed. */
export async function eventsRemoved(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ removed: number }>(
    'SELECT coalesce(sum(events_removed), 0)::float8 AS removed FROM retention',
  );
  return rows[0]?.removed ?? 0;
}
