/** What is wrong with the database although it takes rows: told once, when it is there for the first time. */
import type { SecretBox } from '../../core/secret-box.ts';
import type { PrismaClient } from '../../generated/prisma/client.ts';
import type { Logger } from '../../observability/logger.ts';
import { durabilityWarnings } from './durability.ts';
import { checkSealedSecrets, describeUnreadable } from './unreadable-secrets.ts';

export interface StartWarningsParts {
  readonly prisma: PrismaClient;
  /** Null where nothing is delivered, and so no key is needed. */
  readonly box: SecretBox | null;
  readonly logger: Logger;
}

/** Never rejects: the start goes on without a look. */
export async function warnAtStart({ prisma, box, logger }: StartWarningsParts): Promise<void> {
  const durability = await durabilityWarnings(prisma).catch(() => []);
  for (const warning of durability) logger.warn(warning);
  const secrets = box && (await checkSealedSecrets(prisma, box).then(describeUnreadable, () => null));
  if (secrets !== null) logger.warn(secrets);
}
