/** Whether destinations get what they are owed: their secrets can be decrypted, and they answer. */
import { createSecretBox } from '../../core/secret-box.ts';
import type { SharedPrisma } from '../../storage/postgres/prisma.ts';
import { checkSealedSecrets } from '../../storage/postgres/unreadable-secrets.ts';
import { type Finding, fault, ok, warning } from './finding.ts';

type Prisma = SharedPrisma['prisma'];

/** @param encryptionKeys as the daemon would have them */
export async function checkDestinations(prisma: Prisma, encryptionKeys: readonly string[]): Promise<Finding[]> {
  return [
    ...(await checkSecrets(prisma, encryptionKeys)),
    ...(await checkPaused(prisma)),
    ...(await checkCircuits(prisma)),
    ...(await checkDead(prisma)),
  ];
}

async function checkSecrets(prisma: Prisma, encryptionKeys: readonly string[]): Promise<Finding[]> {
  const { destinations, unreadable, old } = await checkSealedSecrets(prisma, createSecretBox(encryptionKeys));
  if (unreadable.length > 0) {
    return unreadable.map(({ name, reason }) => fault(`destination ${name}: a secret cannot be decrypted: ${reason}`));
  }
  if (old > 0) {
    const text = `the secrets of ${old} of ${destinations} destinations are encrypted with an older key`;
    return [warning(text, 'Run `npm run rotate-keys` before you take that key away.')];
  }
  return [ok(`destinations: ${destinations}, and their secrets can be decrypted`)];
}

/** By the gateway: whoever paused one by hand knows of it. */
async function checkPaused(prisma: Prisma): Promise<Finding[]> {
  const paused = await prisma.destination.findMany({
    where: { state: 'auto_paused' },
    select: { name: true, pauseReason: true },
    orderBy: { name: 'asc' },
  });
  return paused.map(({ name, pauseReason }) =>
    warning(
      `destination ${name}: the gateway has paused it: ${pauseReason ?? 'it kept failing'}`,
      `Mend the receiver, then resume it: \`webhook-gateway destinations resume ${name}\`.`,
    ),
  );
}

async function checkCircuits(prisma: Prisma): Promise<Finding[]> {
  const failing = await prisma.$queryRaw<{ name: string; since: Date | null; probe: Date | null }[]>`
    SELECT d.name, s.failing_since AS since, s.next_probe_at AS probe
      FROM destination_state s JOIN destinations d ON d.id = s.destination_id
     WHERE s.circuit_open AND d.state = 'active' ORDER BY d.name`;
  return failing.map(({ name, since, probe }) => {
    const began = since === null ? '' : ` since ${since.toISOString()}`;
    const next = probe === null ? 'when something is due' : `at ${probe.toISOString()}`;
    return warning(
      `destination ${name}: it has failed${began}, and is only probed; the next probe is ${next}`,
      `\`webhook-gateway deliveries --destination ${name}\` says why; \`webhook-gateway destinations resume ${name}\` does not wait for the probe.`,
    );
  });
}

async function checkDead(prisma: Prisma): Promise<Finding[]> {
  const dead = await prisma.$queryRaw<{ name: string; count: number }[]>`
    SELECT d.name, count(*)::float8 AS count
      FROM deliveries x JOIN destinations d ON d.id = x.destination_id
     WHERE x.state = 'dead' GROUP BY d.name ORDER BY d.name`;
  return dead.map(({ name, count }) =>
    warning(
      `destination ${name}: ${count.toLocaleString('en')} ${count === 1 ? 'delivery is' : 'deliveries are'} dead`,
      `\`webhook-gateway deliveries dead --destination ${name}\` lists them, \`webhook-gateway deliveries redrive ${name}\` tries them again.`,
    ),
  );
}
