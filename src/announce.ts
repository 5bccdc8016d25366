/** What the daemon says of itself at start: a few readable lines on a terminal, one log line otherwise. */
import type { Gateway } from './compose.ts';
import type { Config } from './config.ts';
import type { Logger } from './observability/logger.ts';
import { VERSION } from './package.ts';

export interface Announcement {
  readonly config: Config;
  readonly gateway: Gateway;
  readonly logger: Logger;
  /** True where a person reads along. */
  readonly terminal: boolean;
}

export function announce({ config, gateway, logger, terminal }: Announcement): void {
  const { url, sources, generated, storage } = gateway;
  for (const note of storage.notes) logger.info(note);
  if (generated.length > 0)
    logger.info({ secrets: generated }, 'secrets were not configured: generated ones are kept in DATA_DIR');
  if (!terminal) {
    const webhooks = sources.map(({ path }) => `${url}${path}`);
    logger.info({ url, webhooks, version: VERSION, role: config.ROLE }, 'the gateway listens');
    return;
  }
  const database = storage.embedded
    ? `embedded PostgreSQL in ${config.DATA_DIR}`
    : `PostgreSQL at ${host(config.DATABASE_URL)}`;
  const cache =
    config.REDIS_URL === undefined ? 'in memory (REDIS_URL is not set)' : `Redis at ${host(config.REDIS_URL)}`;
  const lines = [
    '',
    `Webhook gateway ${VERSION} listens on ${url}`,
    `  database   ${database}`,
    `  cache      ${cache}`,
    ...sources.map(({ name, path }) => `  ${name.padEnd(9)}  ${url}${path}`),
    '',
    ...sources.slice(0, 1).map(({ provider }) => `Try it from another terminal:  npm run send -- ${provider.name}`),
    '',
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Host, port and name of the database; never the user or the password. */
function host(url: string | undefined): string {
  if (url === undefined) return 'an unknown address';
  const { host: address, pathname } = new URL(url);
  return `${address === '' ? 'a local socket' : address}${pathname}`;
}
