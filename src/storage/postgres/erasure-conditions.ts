/** Conditions that operators have typed, of the three kinds of things that have one. */
import type pg from 'pg';
import type { FoundCondition } from '../../core/erasure.ts';
import { type JsonObject, readJson } from '../../core/json.ts';
import { exactJson } from '../../core/json-print.ts';
import { inJsonText } from './erasure-walks.ts';

const ENDED = `state NOT IN ('running', 'cancelling')`;
const FIND = `
SELECT 'destination' AS of, id, name, false AS ended, condition::text AS condition FROM destinations WHERE condition::text LIKE ANY ($1::text[])
UNION ALL
SELECT 'follower', id, name, false, condition::text FROM followers WHERE condition::text LIKE ANY ($1::text[])
UNION ALL
SELECT 'replay', id, NULL, ${ENDED}, condition::text FROM replays WHERE condition::text LIKE ANY ($1::text[])
ORDER BY of, name, id`;
const REWRITE = `UPDATE replays SET condition = $2::jsonb WHERE id = $1::uuid AND ${ENDED}`;

export async function findConditions(client: pg.ClientBase, terms: readonly string[]): Promise<FoundCondition[]> {
  type Row = Omit<FoundCondition, 'condition'> & { readonly condition: string };
  const { rows } = await client.query<Row>(FIND, [terms.map(inJsonText)]);
  return rows.map((row) => ({ ...row, condition: readJson(Buffer.from(row.condition)).value as JsonObject }));
}

export async function rewriteReplay(client: pg.ClientBase, id: string, condition: JsonObject): Promise<void> {
  await client.query(REWRITE, [id, exactJson(condition)]);
}
