/** What the daemon says of itself at start: a few readable lines on a terminal, one log line otherwise. */
import { join } from 'node:path';
import type { Gateway } from './compose.ts';
import type { Config } from './config.ts';
import type { Logger } from './observability/logger.ts';
import { VERSION } from './package.ts';
import { serverAddress } from './server-address.ts';

export interface Announcement {
  readonly config: Config;
  readonly gateway: Gateway;
  readonly logger: Logger;
  /** True where a person reads along. */
  readonly terminal: boolean;
}

export function announce(announcement: Announcement): void {
  const { gateway, logger, terminal } = announcement;
  for (const note of gateway.storage.notes) logger.info(note);
  if (terminal) process.stdout.write(`${greeting(announcement).join('\n')}\n`);
  else logListening(announcement);
}

function logListening({ config, gateway, logger }: Announcement): void {
  const { url, apiUrl, sources, generated } = gateway;
  if (generated.length > 0) {
    const directory = secretsDirectory(config);
    logger.info({ secrets: generated, directory }, 'secrets were not configured: generated ones are in use');
  }
  const webhooks = sources.map(({ path }) => `${url}${path}`);
  const api = apiUrl === null ? {} : { api: apiUrl };
  logger.info({ url, webhooks, ...api, version: VERSION, role: config.ROLE }, 'the gateway listens');
}

function greeting(announcement: Announcement): string[] {
  const { config, gateway } = announcement;
  const { url, apiUrl, sources, generated } = gateway;
  const { DATABASE_URL, REDIS_URL, NODE_ENV } = config;
  const database =
    DATABASE_URL === undefined
      ? `embedded PostgreSQL in ${gateway.storage.embeddedDirectory}`
      : `PostgreSQL at ${serverAddress(DATABASE_URL)}`;
  const away = gateway.storage.databaseState() === 'down' ? ' (takes no webhooks yet: they go to the spool)' : '';
  const cache = REDIS_URL === undefined ? 'in memory (REDIS_URL is not set)' : `Redis at ${serverAddress(REDIS_URL)}`;
  const [first] = sources;
  return [
    '',
    `Webhook gateway ${VERSION} listens on ${url}`,
    line('database', `${database}${away}`),
    line('cache', cache),
    ...(generated.length > 0 ? [line('secrets', `generated, in ${secretsDirectory(config)}`)] : []),
    ...sources.map(({ name, path }) => line(name, `${url}${path}`)),
    ...(apiUrl === null ? [] : [line('API', `${apiUrl}  (${whichKey(announcement)})`)]),
    '',
    // What is sent is stored like any other event, which nobody wants in production.
    ...(first === undefined || NODE_ENV === 'production'
      ? []
      : [`Try it from another terminal:  npm run send -- ${first.provider.name}`]),
    ...(first === undefined || NODE_ENV === 'production' || apiUrl === null
      ? []
      : ['and see what has arrived:      npm run --silent gateway -- events']),
    '',
  ];
}

/** Where the first key of the API is, and never the key. */
function whichKey({ config, gateway }: Announcement): string {
  if (gateway.generated.includes('ADMIN_API_KEY')) return `key: ${join(secretsDirectory(config), 'ADMIN_API_KEY')}`;
  if (config.ADMIN_API_KEY !== undefined) return 'key: that of ADMIN_API_KEY';
  return 'ADMIN_API_KEY is not set: only keys made before open it';
}

function line(name: string, text: string): string {
  return `  ${name.padEnd(9)}  ${text}`;
}

function secretsDirectory({ DATA_DIR }: Config): string {
  return join(DATA_DIR, 'secrets');
}
