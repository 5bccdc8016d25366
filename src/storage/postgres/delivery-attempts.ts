/** Rows of `delivery_attempts`. */
import type pg from 'pg';
import type { AttemptReport } from '../../core/delivery.ts';
import { byteaArray, jsonbArray, textArray, timestamptzArray, uuidArray } from './binary-arrays.ts';
import { HAS_BEGUN } from './transaction-pool.ts';

/**
 * Locks the deliveries, in the order of all who lock several, and records what is new. An attempt whose delivery has been
 * removed is left out.
 */
const RECORD = `
INSERT INTO delivery_attempts (id, delivery_id, number, started_at, duration_ms, status, response_headers, response_body,
                               failure, error)
SELECT r.* FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::timestamptz[], $5::int[], $6::int[], $7::jsonb[], $8::bytea[],
                       $9::text[], $10::text[])
    AS r(id, delivery_id, number, started_at, duration_ms, status, response_headers, response_body, failure, error)
  JOIN deliveries d ON d.id = r.delivery_id
 WHERE ${HAS_BEGUN}
 ORDER BY d.id FOR UPDATE OF d
ON CONFLICT DO NOTHING
RETURNING id`;

/** @returns ids of the attempts that were not recorded before */
export async function recordAttempts(
  client: pg.ClientBase,
  reports: readonly AttemptReport[],
): Promise<ReadonlySet<string>> {
  const values = [
    uuidArray(reports.map(({ id }) => id)),
    uuidArray(reports.map(({ deliveryId }) => deliveryId)),
    reports.map(({ number }) => number),
    timestamptzArray(reports.map(({ startedAt }) => startedAt)),
    reports.map(({ durationMs }) => Math.round(durationMs)),
    reports.map(({ answer }) => answer?.status ?? null),
    jsonbArray(reports.map(({ answer }) => (answer === null ? null : JSON.stringify(answer.headers)))),
    byteaArray(reports.map(({ answer }) => answer?.body ?? null)),
    textArray(reports.map(({ failure }) => failure)),
    textArray(reports.map(({ error }) => error)),
  ];
  const { rows } = await client.query<[string]>({ text: RECORD, values, rowMode: 'array' });
  return new Set(rows.map(([id]) => id));
}

/**
 * Failed probes of a delivery count as none of its attempts, and of all that failed in a row only the last one is kept. They have the
 * number of the attempt to come, which others may have too: those before a redrive, or one whose lease was lost.
 */
const KEEP_LAST_PROBE = `
WITH last AS (
  SELECT * FROM unnest($1::uuid[], $2::int[], $3::uuid[]) AS r(delivery_id, number, id)
), marked AS (
  UPDATE delivery_attempts a SET probe = true FROM last
   WHERE a.delivery_id = last.delivery_id AND a.number = last.number AND a.id = last.id
)
DELETE FROM delivery_attempts a USING last
 WHERE a.delivery_id = last.delivery_id AND a.number = last.number AND a.id < last.id AND a.probe`;

export async function keepLastProbe(client: pg.ClientBase, probes: readonly AttemptReport[]): Promise<void> {
  if (probes.length === 0) return;
  const values = [
    uuidArray(probes.map(({ deliveryId }) => deliveryId)),
    probes.map(({ number }) => number),
    uuidArray(probes.map(({ id }) => id)),
  ];
  await client.query({ text: KEEP_LAST_PROBE, values });
}
