/** Re-encrypts the secrets of destinations with the first key, each destination in a transaction of its own. */
import { SECRETS_FIELD, type SecretBox, SecretBoxError, secretHeaderField } from '../../core/secret-box.ts';
import type { PrismaClient } from '../../generated/prisma/client.ts';
import type { Transaction } from './audit-log.ts';

/** Where a sealed secret stands. */
export interface SealedSecret {
  readonly field: string;
  readonly token: string;
}

export interface SealedColumns {
  readonly secrets: readonly string[];
  /** Name to token. */
  readonly secretHeaders: unknown;
}

export function sealedSecrets({ secrets, secretHeaders }: SealedColumns): SealedSecret[] {
  const headers = Object.entries(secretHeaders as Record<string, string>);
  return [
    ...secrets.map((token) => ({ field: SECRETS_FIELD, token })),
    ...headers.map(([name, token]) => ({ field: secretHeaderField(name), token })),
  ];
}

export interface RotateListener {
  onRotated(name: string): void;
  /** Its secrets stay as they are. `reason` holds nothing of them. */
  onUnreadable(name: string, reason: string): void;
}

/** `updated_at` stays as it is: nothing has changed for anybody. Running daemons notice nothing. */
export async function rotateSecrets(
  prisma: Pick<PrismaClient, '$transaction' | 'destination'>,
  box: SecretBox,
  listener: RotateListener,
): Promise<void> {
  const destinations = await prisma.destination.findMany({
    select: { id: true, name: true },
    orderBy: { name: 'asc' },
  });
  for (const { id, name } of destinations) {
    try {
      const rotated = await prisma.$transaction((transaction) => rotateOne(transaction, id, box));
      if (rotated) listener.onRotated(name);
    } catch (error) {
      if (!(error instanceof SecretBoxError)) throw error;
      listener.onUnreadable(name, error.message);
    }
  }
}

/** False if there was nothing to do. */
async function rotateOne(transaction: Transaction, id: string, box: SecretBox): Promise<boolean> {
  // Nobody may set another secret between the look at it and its return.
  await transaction.$queryRaw`SELECT FROM destinations WHERE id = ${id}::uuid FOR NO KEY UPDATE`;
  const row = await transaction.destination.findUnique({
    where: { id },
    select: { secrets: true, secretHeaders: true },
  });
  if (row === null || sealedSecrets(row).every(({ token }) => box.isCurrent(token))) return false;
  const again = (field: string, token: string) => {
    const place = { destinationId: id, field };
    return box.seal(box.open(token, place), place);
  };
  const headers = Object.entries(row.secretHeaders as Record<string, string>);
  const data = {
    secrets: row.secrets.map((token) => again(SECRETS_FIELD, token)),
    secretHeaders: Object.fromEntries(headers.map(([name, token]) => [name, again(secretHeaderField(name), token)])),
  };
  await transaction.destination.update({ where: { id }, data });
  return true;
}
