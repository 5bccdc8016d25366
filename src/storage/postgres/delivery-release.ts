/** Leases given back unused: no attempt is counted. */
import type pg from 'pg';
import type { LeasedDelivery } from '../../core/delivery.ts';
import { booleanArray, uuidArray } from './binary-arrays.ts';

/** Their state of destination, in the order of all who lock it. */
const LOCK = `
SELECT FROM destination_state
 WHERE destination_id IN (SELECT destination_id FROM deliveries WHERE id = ANY ($1::uuid[]))
 ORDER BY destination_id FOR UPDATE`;

/** What was taken of the rate is given back too; and where it was the probe, the next need not wait for it. */
const RELEASE = `
WITH held AS MATERIALIZED (
  SELECT d.id, d.destination_id, r.probe FROM unnest($1::uuid[], $3::bool[]) AS r(id, probe) JOIN deliveries d ON d.id = r.id
   WHERE d.state = 'sending' AND d.lease_owner = $2 ORDER BY d.id FOR UPDATE OF d
), released AS (
  UPDATE deliveries d SET state = 'pending', lease_owner = NULL, lease_until = NULL FROM held WHERE d.id = held.id
)
UPDATE destination_state s
   SET tokens = s.tokens + h.count, next_probe_at = CASE WHEN s.circuit_open AND h.probe THEN LEAST(s.next_probe_at, now()) ELSE s.next_probe_at END
  FROM (SELECT destination_id, count(*), bool_or(probe) AS probe FROM held GROUP BY destination_id) AS h
 WHERE s.destination_id = h.destination_id`;

export async function releaseLeases(
  client: pg.ClientBase,
  owner: string,
  deliveries: readonly Pick<LeasedDelivery, 'id' | 'probe'>[],
): Promise<void> {
  const ids = uuidArray(deliveries.map(({ id }) => id));
  await client.query({ text: LOCK, values: [ids] });
  await client.query({ text: RELEASE, values: [ids, owner, booleanArray(deliveries.map(({ probe }) => probe))] });
}

const TAKE_BACK = `
UPDATE deliveries SET state = 'pending', lease_owner = NULL, lease_until = NULL WHERE id = ANY ($1::uuid[])`;

/** Of the very transaction that leased them. */
export async function takeBack(client: pg.ClientBase, deliveryIds: readonly string[]): Promise<void> {
  if (deliveryIds.length > 0) await client.query({ text: TAKE_BACK, values: [uuidArray(deliveryIds)] });
}
