/** `npm run rotate-keys`: encrypts the secrets of all destinations with the first key of ENCRYPTION_KEYS. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { loadConfig, readEnvironment } from '../config.ts';
import { StartupError } from '../core/errors.ts';
import { createSecretBox } from '../core/secret-box.ts';
import { encryptionKeys } from '../encryption-keys.ts';
import { createLogger } from '../observability/logger.ts';
import { readGeneratedSecret } from '../storage/disk/generated-secrets.ts';
import { describeEmbeddedPostgres } from '../storage/postgres/embedded/describe-embedded-postgres.ts';
import { startEmbeddedPostgres } from '../storage/postgres/embedded/embedded-postgres.ts';
import { createSharedPrisma } from '../storage/postgres/prisma.ts';
import { rotateSecrets } from '../storage/postgres/rotate-secrets.ts';
import { toStoreError } from '../storage/postgres/store-error.ts';
import { run } from './run.ts';

/** Milliseconds for any one statement, and for a connection. */
const TIME_LIMIT = 10_000;

const command = new Command('rotate-keys')
  .description('Encrypts the secrets of all destinations with the first key of ENCRYPTION_KEYS.')
  .addHelpText(
    'after',
    '\nPut the new key before the old one in ENCRYPTION_KEYS, restart every process, run this, then take the old key away.\nCan be run again at any time. Exit code: 1 if a destination’s secrets cannot be decrypted; 2 if it was typed wrongly; else 0.',
  )
  .action(rotateKeys);

await run(command);

async function rotateKeys(): Promise<void> {
  const config = loadConfig(readEnvironment());
  const dataDir = resolve(config.DATA_DIR);
  const keys = encryptionKeys(config, () => readGeneratedSecret(dataDir, 'ENCRYPTION_KEYS'));
  if (keys.length === 0) throw new StartupError('ENCRYPTION_KEYS is not set: set it to the new key, then the old one.');
  // A daemon that runs on the embedded server keeps running; otherwise the server is ours for the moment.
  const running = config.DATABASE_URL ?? (await describeEmbeddedPostgres({ dataDir })).databaseUrl;
  const logger = createLogger({ level: config.LOG_LEVEL, terminal: process.stdout.isTTY === true });
  const embedded = running === undefined ? await startEmbeddedPostgres({ dataDir, logger }) : null;
  try {
    await rotate(running ?? embedded?.databaseUrl ?? '', keys);
  } finally {
    await embedded?.stop();
  }
}

async function rotate(databaseUrl: string, keys: readonly string[]): Promise<void> {
  const { prisma, close } = createSharedPrisma(
    {
      databaseUrl,
      applicationName: 'webhook-gateway rotate-keys',
      connectTimeoutMs: TIME_LIMIT,
      queryTimeoutMs: TIME_LIMIT,
    },
    1,
  );
  let rotated = 0;
  let unreadable = 0;
  try {
    await rotateSecrets(prisma, createSecretBox(keys), {
      onRotated: () => rotated++,
      onUnreadable(name, reason) {
        unreadable++;
        process.stderr.write(`${name}: its secrets cannot be decrypted: ${reason}\n`);
      },
    });
  } catch (error) {
    throw new StartupError(
      `PostgreSQL: ${toStoreError(error).message}. What was done stays: run it again for the rest.`,
    );
  } finally {
    await close();
  }
  const result = rotated === 0 ? 'Nothing was to be done' : `Destinations encrypted anew: ${rotated}`;
  process.stdout.write(
    `${result}. ${unreadable === 0 ? 'All use the first key now.' : `Unreadable: ${unreadable}.`}\n`,
  );
  if (unreadable > 0) process.exitCode = 1;
}
