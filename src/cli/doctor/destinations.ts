/** Whether the secrets of destinations can be decrypted; without them nothing is delivered there. */
import { createSecretBox, type SecretBox, SecretBoxError } from '../../core/secret-box.ts';
import type { SharedPrisma } from '../../storage/postgres/prisma.ts';
import { sealedSecrets } from '../../storage/postgres/rotate-secrets.ts';
import { type Finding, fault, ok, warning } from './finding.ts';

/** @param encryptionKeys as the daemon would have them */
export async function checkDestinations(
  prisma: SharedPrisma['prisma'],
  encryptionKeys: readonly string[],
): Promise<Finding[]> {
  const box = createSecretBox(encryptionKeys);
  const rows = await prisma.destination.findMany({
    select: { id: true, name: true, secrets: true, secretHeaders: true },
    orderBy: { name: 'asc' },
  });
  const findings = rows.flatMap(({ id, name, ...columns }) => {
    const reason = unreadable(box, id, columns);
    return reason === null ? [] : [fault(`destination ${name}: a secret cannot be decrypted: ${reason}`)];
  });
  if (findings.length > 0) return findings;
  const old = rows.filter((row) => sealedSecrets(row).some(({ token }) => !box.isCurrent(token)));
  if (old.length > 0) {
    const text = `the secrets of ${old.length} of ${rows.length} destinations are encrypted with an older key`;
    return [warning(text, 'Run `npm run rotate-keys` before you take that key away.')];
  }
  return [ok(`destinations: ${rows.length}, and their secrets can be decrypted`)];
}

function unreadable(
  box: SecretBox,
  destinationId: string,
  columns: Parameters<typeof sealedSecrets>[0],
): string | null {
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
