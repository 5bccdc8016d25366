/** From what an operator sets to the columns of `destinations`, secrets sealed, and back to what may be shown. */
import type {
  DeliveryFormat,
  DestinationSettings,
  DestinationState,
  Ordering,
  Signing,
  Target,
} from '../../core/destination.ts';
import type { DestinationHealth, ShownDestination } from '../../core/destination-store.ts';
import type { JsonObject } from '../../core/json.ts';
import { SECRETS_FIELD, type SecretBox, secretHeaderField } from '../../core/secret-box.ts';
import { Prisma } from '../../generated/prisma/client.ts';

type Columns = Omit<Prisma.DestinationUncheckedCreateInput, 'id' | 'state' | 'createdAt' | 'updatedAt'>;
type Row = Prisma.DestinationGetPayload<object>;

/**
 * The columns of those settings that are given; but for `sources`, whose null ("all of them") Prisma cannot write.
 *
 * @throws SecretBoxError if there is no key for the secrets
 */
export function toColumns(destinationId: string, settings: DestinationSettings, box: SecretBox): Columns;
export function toColumns(
  destinationId: string,
  settings: Partial<DestinationSettings>,
  box: SecretBox,
): Partial<Columns>;
export function toColumns(
  destinationId: string,
  settings: Partial<DestinationSettings>,
  box: SecretBox,
): Partial<Columns> {
  const { target, filter, secrets, headers, secretHeaders, retrySchedule, ...plain } = settings;
  const seal = (field: string) => (secret: string) => box.seal(secret, { destinationId, field });
  return {
    ...plain,
    ...(target && targetColumns(target)),
    ...(filter && {
      types: [...filter.types],
      condition: (filter.condition as Prisma.InputJsonObject) ?? Prisma.DbNull,
    }),
    ...(secrets && { secrets: secrets.map(seal(SECRETS_FIELD)) }),
    ...(headers && { headers: { ...headers } }),
    ...(secretHeaders && {
      secretHeaders: Object.fromEntries(
        Object.entries(secretHeaders).map(([name, value]) => [name, seal(secretHeaderField(name))(value)]),
      ),
    }),
    ...(retrySchedule && { retrySchedule: [...retrySchedule] }),
  };
}

function targetColumns(target: Target) {
  if (target.kind === 'http') return { kind: target.kind, url: target.url, stream: null, streamMaxLength: null };
  return { kind: target.kind, url: null, stream: target.stream, streamMaxLength: BigInt(target.maxLength) };
}

export function toShown(row: Row, health: DestinationHealth | null): ShownDestination {
  const { id, name, timeoutMs, concurrency, ratePerSecond, retrySchedule, pauseReason, createdAt, updatedAt } = row;
  return {
    id,
    name,
    target: toTarget(row),
    filter: {
      // Prisma reads NULL as an empty list, and an empty one is never written.
      sources: row.sources.length === 0 ? null : row.sources,
      types: row.types,
      condition: row.condition as JsonObject | null,
    },
    format: row.format as DeliveryFormat,
    signing: row.signing as Signing,
    secretCount: row.secrets.length,
    headers: row.headers as Record<string, string>,
    secretHeaderNames: Object.keys(row.secretHeaders as object).sort(),
    timeoutMs,
    concurrency,
    ratePerSecond,
    retrySchedule,
    ordering: row.ordering as Ordering,
    state: row.state as DestinationState,
    pauseReason,
    createdAt,
    updatedAt,
    health,
  };
}

function toTarget({ kind, url, stream, streamMaxLength }: Row): Target {
  if (kind === 'http') return { kind, url: url ?? '' };
  return { kind: 'redis_stream', stream: stream ?? '', maxLength: Number(streamMaxLength) };
}
