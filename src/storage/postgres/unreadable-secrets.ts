/** Destinations with a secret that cannot be decrypted: nothing is delivered there. */
import { type SecretBox, SecretBoxError } from '../../core/secret-box.ts';
import type { PrismaClient } from '../../generated/prisma/client.ts';
import { type SealedColumns, sealedSecrets } from './rotate-secrets.ts';

export interface UnreadableDestination {
  readonly name: string;
  /** Holds nothing of the secret. */
  readonly reason: string;
}

export interface SecretsCheck {
  /** How many destinations there are. */
  readonly destinations: number;
  /** Sorted by name. */
  readonly unreadable: readonly UnreadableDestination[];
  /** How many have a secret that another key than the first has sealed. */
  readonly old: number;
}

/** Names in one line of the log. */
const NAMED = 10;

/** Tries to open the secrets of every destination. */
export async function checkSealedSecrets(
  prisma: Pick<PrismaClient, 'destination'>,
  box: SecretBox,
): Promise<SecretsCheck> {
  const rows = await prisma.destination.findMany({
    select: { id: true, name: true, secrets: true, secretHeaders: true },
    orderBy: { name: 'asc' },
  });
  const unreadable = rows.flatMap(({ id, name, ...columns }) => {
    const reason = whyUnreadable(box, id, columns);
    return reason === null ? [] : [{ name, reason }];
  });
  const old = rows.filter((row) => sealedSecrets(row).some(({ token }) => !box.isCurrent(token))).length;
  return { destinations: rows.length, unreadable, old };
}

/** One sentence for the log of a start; null where every secret can be decrypted. */
export function describeUnreadable({ unreadable }: Pick<SecretsCheck, 'unreadable'>): string | null {
  const [first] = unreadable;
  if (first === undefined) return null;
  const names = unreadable.slice(0, NAMED).map(({ name }) => name);
  const more = unreadable.length > NAMED ? ` and ${unreadable.length - NAMED} more` : '';
  return `nothing can be delivered to ${names.join(', ')}${more}: a secret cannot be decrypted: ${first.reason}`;
}

function whyUnreadable(box: SecretBox, destinationId: string, columns: SealedColumns): string | null {
  for (const { field, token } of sealedSecrets(columns)) {
    try {
      box.open(token, { destinationId, field });
    } catch (error) {
      if (!(error instanceof SecretBoxError)) throw error;
      return error.message;
    }
  }
  return null;
}
