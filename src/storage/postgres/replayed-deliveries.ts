/** Events owed anew, because an operator asked for it. */
import type { Replay } from '../../core/delivery-admin.ts';
import { ascendingRowId } from '../../core/row-id.ts';
import type { Transaction } from './audit-log.ts';

/**
 * Made like those of dispatch (owed-deliveries.ts), but as replays: behind live deliveries, and beside those that the events had
 * before. The same replay again finds its rows there.
 *
 * @returns null if there is no such destination
 */
export async function insertReplay(transaction: Transaction, replay: Replay): Promise<number | null> {
  const { replayId, destinationId, eventIds } = replay;
  const [destination] = await transaction.$queryRaw<{ format: string }[]>`
    SELECT format FROM destinations WHERE id = ${destinationId}::uuid FOR KEY SHARE`;
  if (destination === undefined) return null;
  await transaction.$executeRaw`
    INSERT INTO destination_state (destination_id) VALUES (${destinationId}::uuid) ON CONFLICT DO NOTHING`;
  const sorted = [...new Set(eventIds)].sort();
  const ids = sorted.map(() => ascendingRowId());
  const original = destination.format === 'original';
  return await transaction.$executeRaw`
    INSERT INTO deliveries (id, destination_id, event_id, request_id, replay_id, source, provider, type, subject, received_at,
                            state, next_attempt_at, created_at)
    SELECT r.id, ${destinationId}::uuid, CASE WHEN ${original} THEN NULL ELSE e.id END, e.request_id, ${replayId}::uuid,
           e.source, e.provider, e.type, CASE WHEN ${original} THEN NULL ELSE e.subject END, e.received_at,
           'pending', now(), now()
      FROM unnest(${ids}::uuid[], ${sorted}::uuid[]) AS r(id, event_id) JOIN events e ON e.id = r.event_id
     ORDER BY r.id
    ON CONFLICT DO NOTHING`;
}
