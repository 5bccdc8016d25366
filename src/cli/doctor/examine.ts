/** Everything that doctor looks at, section by section. */
import { resolve } from 'node:path';
import type { Config } from '../../config.ts';
import { StartupError } from '../../core/errors.ts';
import { encryptionKeys } from '../../encryption-keys.ts';
import { GENERATED_SECRETS, PROVIDER_SECRETS, readGeneratedSecret } from '../../storage/disk/generated-secrets.ts';
import { checkConfiguration, type Environment } from './configuration.ts';
import { checkDaemon } from './daemon.ts';
import { checkDataDirectory } from './data-directory.ts';
import { checkEmbeddedServer } from './embedded-server.ts';
import { type Finding, fault, ok, type Section } from './finding.ts';
import { checkRedis } from './redis.ts';
import { checkSecrets } from './secrets.ts';
import { checkSpool } from './spool.ts';

/** Changes and starts nothing. Where the configuration has faults, nothing else is looked at. */
export async function examine(environment: Environment): Promise<readonly Section[]> {
  const { config, findings } = checkConfiguration(environment);
  const sections: Section[] = [{ name: 'configuration', findings }];
  if (config !== null) sections.push(...(await checkSurroundings(config, environment)));
  return sections;
}

async function checkSurroundings(config: Config, environment: Environment): Promise<Section[]> {
  const dataDir = resolve(config.DATA_DIR);
  const generated = config.ROLE === 'ingest' ? PROVIDER_SECRETS : GENERATED_SECRETS;
  const generates = config.NODE_ENV !== 'production' && generated.some((name) => config[name] === undefined);
  const needed = generates || config.DATABASE_URL === undefined;
  const sections = [
    await section('secrets', () => checkSecrets({ config, environment, dataDir })),
    await section('data directory', () => checkDataDirectory({ dataDir, needed })),
  ];
  let databaseUrl = config.DATABASE_URL;
  if (databaseUrl === undefined) {
    const embedded = await section('private PostgreSQL', async () => {
      const check = await checkEmbeddedServer(dataDir);
      databaseUrl = check.databaseUrl;
      return check.findings;
    });
    sections.push(embedded);
  }
  sections.push(await section('database', () => checkDatabase(databaseUrl, config, dataDir)));
  sections.push(await section('Redis', () => checkRedis(config.REDIS_URL)));
  if (config.ROLE !== 'worker') {
    sections.push(await section('spool', () => checkSpool({ dataDir, maxBytes: config.SPOOL_MAX_BYTES })));
  }
  sections.push(await section('daemon', () => checkDaemon(config, dataDir)));
  return sections;
}

async function checkDatabase(
  databaseUrl: string | undefined,
  config: Config,
  dataDir: string,
): Promise<readonly Finding[]> {
  if (databaseUrl === undefined) return [ok('not looked at: its server does not take connections')];
  const generated = () => readGeneratedSecret(dataDir, 'ENCRYPTION_KEYS');
  const keys = config.ROLE === 'ingest' ? null : encryptionKeys(config, generated);
  try {
    // Not at the top: it needs Prisma's client, which a fresh clone has only after its first build.
    const check = await import('./database.ts');
    const retention = { rawDays: config.RAW_RETENTION_DAYS, eventDays: config.EVENT_RETENTION_DAYS };
    return await check.checkDatabase({
      databaseUrl,
      migrateOnStart: config.MIGRATE_ON_START,
      retention,
      encryptionKeys: keys,
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return [fault('Prisma’s client is missing', 'Run `npm run build`.')];
  }
}

/** A check that cannot be made must not keep the others from being made. */
async function section(name: string, check: () => Promise<readonly Finding[]> | readonly Finding[]): Promise<Section> {
  try {
    return { name, findings: await check() };
  } catch (error) {
    if (error instanceof StartupError) return { name, findings: [fault(error.message)] };
    const { code, message } = error as NodeJS.ErrnoException;
    const denied = code === 'EACCES' || code === 'EPERM';
    const advice = denied ? 'Run doctor as the user that the daemon runs as.' : undefined;
    return { name, findings: [fault(`cannot be checked: ${message}`, advice)] };
  }
}
