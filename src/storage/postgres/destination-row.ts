/** A row of `destinations` as delivery needs it: whole, with its secrets in plain text. */
import type {
  DeliveryFormat,
  Destination,
  DestinationState,
  Ordering,
  Signing,
  Target,
} from '../../core/destination.ts';
import type { JsonObject } from '../../core/json.ts';
import { SECRETS_FIELD, type SecretBox, secretHeaderField } from '../../core/secret-box.ts';

export interface DestinationRow {
  readonly id: string;
  readonly name: string;
  readonly kind: Target['kind'];
  readonly url: string | null;
  readonly stream: string | null;
  /** A bigint, as text. */
  readonly stream_max_length: string | null;
  readonly sources: string[] | null;
  readonly types: string[];
  readonly condition: JsonObject | null;
  readonly format: DeliveryFormat;
  readonly signing: Signing;
  readonly secrets: string[];
  readonly headers: Record<string, string>;
  readonly secret_headers: Record<string, string>;
  readonly timeout_ms: number;
  readonly concurrency: number;
  readonly rate_per_second: number | null;
  readonly retry_schedule: number[];
  readonly ordering: Ordering;
  readonly state: DestinationState;
  readonly pause_reason: string | null;
  readonly created_at: Date;
  readonly updated_at: Date;
}

export interface OpenedDestination {
  readonly destination: Destination;
  /** Which secret cannot be decrypted, and why; it is left out then. Null: all can. */
  readonly undecryptable: string | null;
}

export function openDestination(row: DestinationRow, box: Pick<SecretBox, 'open'>): OpenedDestination {
  const faults: string[] = [];
  const opened = (what: string, field: string, token: string): string[] => {
    try {
      return [box.open(token, { destinationId: row.id, field })];
    } catch (error) {
      faults.push(`${what}: ${(error as Error).message}`);
      return [];
    }
  };
  const secrets = row.secrets.flatMap((token) => opened('a signing secret', SECRETS_FIELD, token));
  const secretHeaders = Object.entries(row.secret_headers).flatMap(([name, token]) =>
    opened(`the secret header ${name}`, secretHeaderField(name), token).map((value) => [name, value] as const),
  );
  const destination: Destination = {
    id: row.id,
    name: row.name,
    target: targetOf(row),
    filter: { sources: row.sources, types: row.types, condition: row.condition },
    format: row.format,
    signing: row.signing,
    secrets,
    headers: row.headers,
    secretHeaders: Object.fromEntries(secretHeaders),
    timeoutMs: row.timeout_ms,
    concurrency: row.concurrency,
    ratePerSecond: row.rate_per_second,
    retrySchedule: row.retry_schedule,
    ordering: row.ordering,
    state: row.state,
    pauseReason: row.pause_reason,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
  return { destination, undecryptable: faults[0] ?? null };
}

function targetOf({ kind, url, stream, stream_max_length }: DestinationRow): Target {
  if (kind === 'http') return { kind, url: url ?? '' };
  return { kind, stream: stream ?? '', maxLength: Number(stream_max_length) };
}
