/** Rows of `destinations`, as an operator's settings would have made them. */
import { randomUUID } from 'node:crypto';
import type { TestDatabase } from './database.ts';

export interface DestinationRowParts {
  readonly id?: string;
  readonly name?: string;
  readonly url?: string;
  readonly types?: readonly string[];
  readonly format?: string;
  readonly signing?: string;
  /** Sealed. */
  readonly secrets?: readonly string[];
  readonly secretHeaders?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly retrySchedule?: readonly number[];
}

/** Returns its id. */
export async function insertDestination(database: TestDatabase, parts: DestinationRowParts = {}): Promise<string> {
  const id = parts.id ?? randomUUID();
  await database.query(
    `INSERT INTO destinations (id, name, kind, url, types, format, signing, secrets, headers, secret_headers, timeout_ms,
                               concurrency, retry_schedule, ordering, state, created_at, updated_at)
     VALUES ($1, $2, 'http', $3, $4, $5, $6, $7, '{}', $8, $9, 10, $10, 'none', 'active', now(), now())`,
    [
      id,
      parts.name ?? `destination-${id}`,
      parts.url ?? 'https://receiver.example/hook',
      parts.types ?? ['*'],
      parts.format ?? 'event',
      parts.signing ?? 'none',
      parts.secrets ?? [],
      JSON.stringify(parts.secretHeaders ?? {}),
      parts.timeoutMs ?? 5_000,
      parts.retrySchedule ?? [1, 1, 1],
    ],
  );
  return id;
}
