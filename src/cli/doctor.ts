/** `npm run doctor`: looks at everything the gateway needs, and says what to do where something is wrong. Changes nothing. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { type Config, readEnvironment } from '../config.ts';
import { StartupError } from '../core/errors.ts';
import { encryptionKeys } from '../encryption-keys.ts';
import { GENERATED_SECRETS, PROVIDER_SECRETS, readGeneratedSecret } from '../storage/disk/generated-secrets.ts';
import { checkConfiguration, type Environment } from './doctor/configuration.ts';
import { checkDaemon } from './doctor/daemon.ts';
import { checkDataDirectory } from './doctor/data-directory.ts';
import { checkEmbeddedServer } from './doctor/embedded-server.ts';
import { type Finding, fault, ok, type Section } from './doctor/finding.ts';
import { checkRedis } from './doctor/redis.ts';
import { isHealthy, reportAsJson, reportAsText } from './doctor/report.ts';
import { checkSecrets } from './doctor/secrets.ts';
import { checkSpool } from './doctor/spool.ts';
import { run } from './run.ts';

const command = new Command('doctor')
  .description('Checks configuration, secrets, disk, database, Redis and the daemon. Changes and starts nothing.')
  .option('--json', 'print JSON')
  .addHelpText('after', '\nExit code: 1 if anything is at fault, else 0.')
  .action(doctor);

await run(command);

async function doctor(options: { readonly json?: true }): Promise<void> {
  const environment = readEnvironment();
  const { config, findings } = checkConfiguration(environment);
  const sections: Section[] = [{ name: 'configuration', findings }];
  if (config !== null) sections.push(...(await checkSurroundings(config, environment)));
  process.stdout.write(options.json === true ? reportAsJson(sections) : reportAsText(sections));
  process.exitCode = isHealthy(sections) ? 0 : 1;
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
    const check = await import('./doctor/database.ts');
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
