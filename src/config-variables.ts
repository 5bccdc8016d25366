/** The variables of the environment: for each its form, its default and what it means; one file because it is one table. */
import { z } from 'zod';
import { parseNetworks } from './core/networks.ts';
import { LEAST_EVENT_DAYS } from './core/retention.ts';
import { isEncryptionKey } from './core/secret-box.ts';

export const MIB = 1024 * 1024;
const PRIVATE_NETWORKS = '127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7,fe80::/10';

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, { error: `write a whole number from ${min} to ${max}`, abort: true })
    .transform(Number)
    .refine((value) => value >= min && value <= max, { error: `write a whole number from ${min} to ${max}` });

const choice = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: `write one of ${values.join(', ')}` });

const list = (text: string) =>
  text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');

const secrets = z
  .string()
  .transform(list)
  .refine((entries) => entries.length > 0, { error: 'write a secret, or several separated by commas' });

const encryptionKeys = z
  .string()
  .transform(list)
  .refine((keys) => keys.length > 0 && keys.every(isEncryptionKey), {
    error: 'write 32 random bytes in base64 (openssl rand -base64 32), or several of them separated by commas',
  });

const networks = z
  .string()
  .transform(list)
  .superRefine((entries, context) => {
    try {
      parseNetworks(entries);
    } catch (error) {
      context.addIssue({ code: 'custom', message: `${(error as Error).message}; separate several by commas` });
    }
  });

const origins = z
  .string()
  .transform(list)
  .refine((entries) => entries.every((entry) => URL.canParse(entry) && new URL(entry).origin === entry), {
    error: 'write origins such as https://admin.example.com, without a path; separate several by commas',
  });

const urlPath = z
  .string()
  .regex(/^(\/[A-Za-z0-9._~-]+)+$/, {
    error: 'write a path such as /webhooks/stripe: letters, digits and ._~- between slashes',
  })
  .refine((path) => !/^\/(health|ready|metrics|api)(\/|$)/.test(path), {
    error: '/health, /ready, /metrics and /api belong to the gateway itself: choose another path',
  });

const urlOf = (schemes: RegExp, example: string) =>
  z.string().refine((url) => schemes.test(url) && URL.canParse(url), { error: `write a URL such as ${example}` });

/** Every variable, with what it means. `.env.example` and the table of the README are held to it by a test. */
export const variables = z.object({
  NODE_ENV: choice(['development', 'production', 'test'])
    .default('development')
    .describe('In `production` missing secrets are an error instead of being generated'),
  HOST: z
    .string()
    .optional()
    .describe('Address to listen on; default `127.0.0.1`, in production `::` (every interface)'),
  PORT: wholeNumber(0, 65_535)
    .default(3000)
    .describe('Port of the webhooks, the ops endpoints and the API; 0 takes a free one'),
  LOG_LEVEL: choice(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('Least serious log line that is written'),
  ROLE: choice(['all', 'ingest', 'worker'])
    .default('all')
    .describe('What this process does: take webhooks (`ingest`), work on stored events (`worker`), or both'),
  DATABASE_URL: urlOf(/^postgres(ql)?:\/\//, 'postgresql://user:password@host:5432/database')
    .optional()
    .describe('PostgreSQL 13 or later, `sslmode` as in libpq; without it a private server runs in `DATA_DIR`'),
  DATABASE_POOL_SIZE: wholeNumber(1, 1000)
    .default(5)
    .describe(
      'Connections to PostgreSQL beside those of ingest, which has `BATCH_FLIGHTS` of its own, and one each for the spool, for dispatch, for retention, for replays and for `LISTEN`, three for deliveries, and up to three while the API is used',
    ),
  REDIS_URL: urlOf(/^rediss?:\/\//, 'redis://localhost:6379/0')
    .optional()
    .describe(
      'Redis 6 or later, shared by all processes, answers duplicates without PostgreSQL; without it a cache in memory',
    ),
  DATA_DIR: z
    .string()
    .default('./data')
    .describe(
      'Directory for the spool, generated secrets and the private PostgreSQL: on a disk that outlives the process',
    ),
  META_APP_SECRET: secrets.optional().describe('App secret of the Meta app; several during a roll or for several apps'),
  META_VERIFY_TOKEN: z
    .string()
    .transform((text) => [...new Set([text, ...list(text)])])
    .optional()
    .describe('Token that you also type into Meta’s webhook form; several separated by commas'),
  STRIPE_WEBHOOK_SECRET: secrets
    .optional()
    .describe('Signing secret `whsec_…` of the Stripe endpoint; several during a roll'),
  STRIPE_TOLERANCE_SECONDS: wholeNumber(1, 86_400)
    .default(300)
    .describe('How far the signed time may lie from the clock, in seconds, both ways'),
  WHATSAPP_PATH: urlPath.default('/webhooks/whatsapp').describe('Path of the WhatsApp webhook'),
  STRIPE_PATH: urlPath.default('/webhooks/stripe').describe('Path of the Stripe webhook'),
  BODY_LIMIT_BYTES: wholeNumber(1024, 64 * MIB)
    .default(4 * MIB)
    .describe('Largest body, in bytes; Meta sends up to 3 MB'),
  INGEST_MAX_BYTES: wholeNumber(MIB, 64 * 1024 * MIB)
    .default(256 * MIB)
    .describe('Most bytes of webhooks held in memory at a time, bodies and the payloads made of them; beyond it 503'),
  BATCH_MAX_REQUESTS: wholeNumber(1, 10_000).default(100).describe('Most webhooks stored by one statement'),
  BATCH_FLIGHTS: wholeNumber(1, 64).default(2).describe('Statements that may be under way at a time'),
  COMMIT_TIMEOUT_MS: wholeNumber(50, 50_000)
    .default(1_000)
    .describe('Milliseconds that a webhook may wait for its commit before it goes to the spool'),
  SPOOL_MAX_BYTES: wholeNumber(MIB, 1024 * 1024 * MIB)
    .default(1024 * MIB)
    .describe(
      'Most bytes of webhooks that each process keeps in `DATA_DIR/spool` while PostgreSQL takes none; beyond it 503',
    ),
  TRUST_PROXY: networks
    .optional()
    .describe('Addresses or CIDR ranges of your reverse proxies: their `X-Forwarded-For` is believed'),
  DEDUPE_TTL_SECONDS: wholeNumber(1, 30 * 86_400)
    .default(86_400)
    .describe(
      'Seconds for which Redis answers a duplicate in place of PostgreSQL, which knows it as long as the event is kept',
    ),
  RAW_RETENTION_DAYS: wholeNumber(0, 36_500)
    .default(30)
    .describe(
      'Days for which requests are kept, with their bytes and headers; 0: as long as their events, and longer than those never',
    ),
  EVENT_RETENTION_DAYS: wholeNumber(0, 36_500)
    .refine((days) => days === 0 || days >= LEAST_EVENT_DAYS, {
      error: `write 0 (for ever) or at least ${LEAST_EVENT_DAYS}: Stripe sends events again for 30 days, and one that was removed would be taken for a new one`,
    })
    .default(400)
    .describe('Days for which events are kept; 0: for ever, else at least 35. Projections stay'),
  RATE_LIMIT_MAX: wholeNumber(1, 1_000_000)
    .default(1_000)
    .describe(
      'Failed signatures and handshakes, refused API calls and unknown routes that one address may try in a minute',
    ),
  ADMIN_API_KEY: z
    .string()
    .min(16, { error: 'write at least 16 characters' })
    .optional()
    .describe(
      'The first key of the API under /api/v1, at least 16 characters; it may do everything, so also make further keys',
    ),
  ADMIN_ALLOWED_IPS: networks
    .default(list(PRIVATE_NETWORKS))
    .describe(
      'Addresses or CIDR ranges that may use the API and read /metrics and the detail of /ready; default loopback and private networks',
    ),
  ADMIN_PORT: wholeNumber(0, 65_535)
    .optional()
    .describe('Serve the API on this port and no longer on `PORT`; 0 takes a free one'),
  ADMIN_ALLOWED_ORIGINS: origins
    .optional()
    .describe('Origins of web pages that may call the API from a browser (CORS); none by default'),
  AUDIT_RETENTION_DAYS: wholeNumber(1, 36_500)
    .default(400)
    .describe('Days for which changes made over the API stay in `audit_log`'),
  DELIVERY_ALLOW_NETWORKS: networks
    .optional()
    .describe(
      'Addresses or CIDR ranges that deliveries may go to although they are private, loopback or otherwise special',
    ),
  ENCRYPTION_KEYS: encryptionKeys
    .optional()
    .describe(
      'Keys for the secrets of destinations, 32 bytes in base64 each: the first encrypts, all decrypt; in production needed by the first destination that has a secret',
    ),
  DESTINATION_DISABLE_AFTER_SECONDS: wholeNumber(60, 365 * 86_400)
    .default(432_000)
    .describe('Seconds for which a destination may fail without a single success before it is paused'),
  DELIVERY_RETENTION_DAYS: wholeNumber(1, 36_500)
    .default(30)
    .describe(
      'Days for which finished deliveries with their attempts, and replays, stay; dead deliveries stay three times as long',
    ),
  METRICS_PORT: wholeNumber(0, 65_535)
    .optional()
    .describe('Serve /metrics on this port too; in PM2’s cluster mode each instance adds its number to it'),
  MIGRATE_ON_START: z
    .stringbool({ error: 'write true or false' })
    .default(true)
    .describe('Bring the database’s tables up to date at start; if false, `npm run migrate` does'),
  SHUTDOWN_DELAY_MS: wholeNumber(0, 60_000)
    .default(0)
    .describe(
      'Milliseconds to go on serving after a stop signal, with /ready at 503, until the load balancer has noticed',
    ),
  SHUTDOWN_TIMEOUT_MS: wholeNumber(100, 300_000)
    .default(8_000)
    .describe(
      'Milliseconds a stop may take, `SHUTDOWN_DELAY_MS` included, before the process exits 1; keep it below your supervisor’s own limit',
    ),
});

/** Variables that may also be given as NAME_FILE, the path of a file that holds the value (Docker and systemd secrets). */
export const FILE_VARIABLES = [
  'DATABASE_URL',
  'REDIS_URL',
  'META_APP_SECRET',
  'META_VERIFY_TOKEN',
  'STRIPE_WEBHOOK_SECRET',
  'ADMIN_API_KEY',
  'ENCRYPTION_KEYS',
] as const;
