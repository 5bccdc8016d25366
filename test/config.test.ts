import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Config, loadConfig } from '../src/config.ts';
import { FILE_VARIABLES } from '../src/config-variables.ts';
import { StartupError } from '../src/core/errors.ts';

const META = { META_APP_SECRET: 'app-secret', META_VERIFY_TOKEN: 'verify-token' };
const STRIPE = { STRIPE_WEBHOOK_SECRET: 'whsec_1' };

/** The faults that are reported, one line each. */
function faultsOf(environment: Record<string, string>): string[] {
  try {
    loadConfig(environment);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(StartupError);
    return (error as StartupError).message.split('\n').flatMap((line) => /^ {2}- (.*)/.exec(line)?.[1] ?? []);
  }
}

describe('an empty environment', () => {
  it('is a valid configuration for a first run', () => {
    const expected: Partial<Config> = {
      NODE_ENV: 'development',
      HOST: '127.0.0.1',
      PORT: 3000,
      ROLE: 'all',
      DATA_DIR: './data',
      WHATSAPP_PATH: '/webhooks/whatsapp',
      STRIPE_PATH: '/webhooks/stripe',
      STRIPE_TOLERANCE_SECONDS: 300,
      BODY_LIMIT_BYTES: 4 * 1024 * 1024,
      INGEST_MAX_BYTES: 256 * 1024 * 1024,
      DEDUPE_TTL_SECONDS: 86_400,
      RATE_LIMIT_MAX: 1_000,
      MIGRATE_ON_START: true,
      SHUTDOWN_DELAY_MS: 0,
      SHUTDOWN_TIMEOUT_MS: 8_000,
    };
    expect(loadConfig({})).toMatchObject(expected);
    expect(loadConfig({})).not.toHaveProperty('DATABASE_URL');
  });

  it('is what variables that are set to nothing amount to', () => {
    const empty = Object.fromEntries(
      ['PORT', 'DATABASE_URL', 'META_APP_SECRET', 'META_APP_SECRET_FILE', 'TRUST_PROXY', 'HOST'].map((name) => [
        name,
        '',
      ]),
    );
    expect(loadConfig(empty)).toEqual(loadConfig({}));
    expect(loadConfig({ PORT: '  ', LOG_LEVEL: '\t' })).toEqual(loadConfig({}));
  });
});

describe('faults', () => {
  it('are listed all at once, each with the name of the variable and what to write', () => {
    const faults = faultsOf({
      PORT: '70000',
      LOG_LEVEL: 'loud',
      DATABASE_URL: 'mysql://localhost/x',
      TRUST_PROXY: '10.0.0.0/8, everyone',
      STRIPE_PATH: 'stripe',
      MIGRATE_ON_START: 'perhaps',
      BATCH_FLIGHTS: '0',
      META_APP_SECRET_FILE: '/nowhere',
      NODE_ENV: 'production',
      META_VERIFY_TOKEN: 'x',
    });
    expect([...faults].sort()).toEqual([
      'BATCH_FLIGHTS: write a whole number from 1 to 64',
      'DATABASE_URL: write a URL such as postgresql://user:password@host:5432/database',
      'LOG_LEVEL: write one of trace, debug, info, warn, error, fatal, silent',
      'META_APP_SECRET_FILE: cannot be read (ENOENT); name a readable file',
      'MIGRATE_ON_START: write true or false',
      'PORT: write a whole number from 0 to 65535',
      'STRIPE_PATH: write a path such as /webhooks/stripe: letters, digits and ._~- between slashes',
      'TRUST_PROXY: "everyone" is neither an address nor a CIDR range such as 10.0.0.0/8; separate several by commas',
    ]);
  });

  it.each(['-1', '1.5', '1e3', '0x10', 'many', '65536', '9'.repeat(30)])('PORT=%s is one', (PORT) => {
    expect(faultsOf({ PORT })).toEqual(['PORT: write a whole number from 0 to 65535']);
  });

  it('never repeat a secret or a password', () => {
    const faults = faultsOf({
      DATABASE_URL: 'postgresql://user:hunter2#@host:5432/db:hunter2',
      REDIS_URL: 'redis://:hunter2@:bad:port',
      ADMIN_API_KEY: 'hunter2',
      META_APP_SECRET: ',',
      PORT: 'x',
    });
    expect(faults.map((fault) => fault.split(':')[0])).toEqual([
      'PORT',
      'DATABASE_URL',
      'REDIS_URL',
      'META_APP_SECRET',
      'ADMIN_API_KEY',
    ]);
    expect(faults.join()).not.toContain('hunter2');
  });

  it('are found between variables too', () => {
    expect(faultsOf({ STRIPE_PATH: '/hook', WHATSAPP_PATH: '/hook' })).toEqual([
      'STRIPE_PATH: is the same as WHATSAPP_PATH; give each its own',
    ]);
    expect(faultsOf({ STRIPE_PATH: '/webhooks/whatsapp' })).toHaveLength(1);
    expect(faultsOf({ INGEST_MAX_BYTES: '1048576', BODY_LIMIT_BYTES: '1048576' })).toEqual([
      'INGEST_MAX_BYTES: must be at least twice BODY_LIMIT_BYTES, or large bodies starve each other',
    ]);
    expect(faultsOf({ INGEST_MAX_BYTES: '2097152', BODY_LIMIT_BYTES: '1048576' })).toEqual([]);
  });
});

describe('encryption keys', () => {
  const [one, two] = [Buffer.alloc(32, 1).toString('base64'), Buffer.alloc(32, 2).toString('base64')];

  it('are one or several', () => {
    expect(loadConfig({ ENCRYPTION_KEYS: ` ${one} , ${two} ` }).ENCRYPTION_KEYS).toEqual([one, two]);
    expect(loadConfig({}).ENCRYPTION_KEYS).toBeUndefined();
  });

  it.each(['hunter2', Buffer.alloc(31, 1).toString('base64'), `${one},hunter2`, ','])(
    '%s is none',
    (ENCRYPTION_KEYS) => {
      const [fault, ...others] = faultsOf({ ENCRYPTION_KEYS });
      expect(fault).toMatch(/^ENCRYPTION_KEYS: write 32 random bytes in base64/);
      expect(fault).not.toContain('hunter2');
      expect(others).toEqual([]);
    },
  );
});

describe('paths', () => {
  it.each(['/a', '/in/stripe', '/v1.0/hook_s~x-y'])('%s is one', (STRIPE_PATH) => {
    expect(loadConfig({ STRIPE_PATH }).STRIPE_PATH).toBe(STRIPE_PATH);
  });

  it.each(['a', '/', '/a/', '//a', '/a b', '/a?b', '/:id', '/*', '/ä', '/%61'])('%s is none', (STRIPE_PATH) => {
    expect(faultsOf({ STRIPE_PATH })).toHaveLength(1);
  });

  it.each(['/health', '/ready', '/metrics', '/api', '/api/v1/x', '/metrics/a'])('%s is the gateway’s own', (path) => {
    expect(faultsOf({ WHATSAPP_PATH: path })).toEqual([
      'WHATSAPP_PATH: /health, /ready, /metrics and /api belong to the gateway itself: choose another path',
    ]);
  });

  it('may begin with the letters of one of the gateway’s own', () => {
    expect(loadConfig({ WHATSAPP_PATH: '/apis/x', STRIPE_PATH: '/healthy' }).WHATSAPP_PATH).toBe('/apis/x');
  });
});

describe('lists', () => {
  it('of secrets are separated by commas and trimmed', () => {
    const config = loadConfig({ META_APP_SECRET: ' one , two,,three, ', STRIPE_WEBHOOK_SECRET: 'whsec_1' });
    expect(config.META_APP_SECRET).toEqual(['one', 'two', 'three']);
    expect(config.STRIPE_WEBHOOK_SECRET).toEqual(['whsec_1']);
  });

  it('of verify tokens count as a whole too, for a token may have commas in it', () => {
    expect(loadConfig({ META_VERIFY_TOKEN: 'one, two' }).META_VERIFY_TOKEN).toEqual(['one, two', 'one', 'two']);
    expect(loadConfig({ META_VERIFY_TOKEN: ' single ' }).META_VERIFY_TOKEN).toEqual(['single']);
  });

  it('of networks take addresses and CIDR ranges of both kinds', () => {
    const text = '10.0.0.0/8, 2001:db8::/32,192.0.2.1 , ::1';
    const entries = ['10.0.0.0/8', '2001:db8::/32', '192.0.2.1', '::1'];
    expect(loadConfig({ TRUST_PROXY: text, ADMIN_ALLOWED_IPS: text })).toMatchObject({
      TRUST_PROXY: entries,
      ADMIN_ALLOWED_IPS: entries,
    });
    expect(faultsOf({ ADMIN_ALLOWED_IPS: '10.0.0.0/33' })).toHaveLength(1);
  });
});

describe('NAME_FILE', () => {
  let directory: string;
  const write = (content: string): string => {
    const path = join(directory, `value-${content.length}`);
    writeFileSync(path, content);
    return path;
  };
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'gateway-config-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it.each(FILE_VARIABLES)('gives %s from a file, without the line end that editors add', (name) => {
    const values: Partial<Record<typeof name, string>> = {
      DATABASE_URL: 'postgres://host/0',
      REDIS_URL: 'redis://host/0',
      ENCRYPTION_KEYS: Buffer.alloc(32).toString('base64'),
    };
    const value = values[name] ?? 'sixteen-letters-or-so';
    const config = loadConfig({ [`${name}_FILE`]: write(`${value}\r\n`) });
    expect([config[name]].flat()).toEqual([value]);
  });

  it('is checked as the value itself would be', () => {
    expect(faultsOf({ ADMIN_API_KEY_FILE: write('short') })).toEqual(['ADMIN_API_KEY: write at least 16 characters']);
  });

  it('and NAME together are a fault, even with equal values', () => {
    expect(faultsOf({ META_APP_SECRET: 'same', META_APP_SECRET_FILE: write('same') })).toEqual([
      'META_APP_SECRET: is set, and META_APP_SECRET_FILE too; keep one of them',
    ]);
  });

  it('counts where NAME is set to nothing, as compose files do', () => {
    const config = loadConfig({ META_APP_SECRET: '', META_APP_SECRET_FILE: write('from the file') });
    expect(config.META_APP_SECRET).toEqual(['from the file']);
  });

  it('must name a file that can be read and says something', () => {
    expect(faultsOf({ DATABASE_URL_FILE: write(' \n') })).toEqual(['DATABASE_URL_FILE: the file is empty']);
    expect(faultsOf({ DATABASE_URL_FILE: directory })).toEqual([
      'DATABASE_URL_FILE: cannot be read (EISDIR); name a readable file',
    ]);
  });

  it('is not there for what is no secret', () => {
    expect(loadConfig({ PORT_FILE: write('4000') }).PORT).toBe(3000);
  });
});

describe('in production', () => {
  const NODE_ENV = 'production';

  it('it listens on every interface, unless HOST says otherwise', () => {
    expect(loadConfig({ NODE_ENV, ...META }).HOST).toBe('::');
    expect(loadConfig({ NODE_ENV, ...META, HOST: '10.0.0.5' }).HOST).toBe('10.0.0.5');
  });

  it.each([META, STRIPE, { ...META, ...STRIPE }])('one whole provider is enough', (secrets) => {
    expect(faultsOf({ NODE_ENV, ...secrets })).toEqual([]);
  });

  it.each(['all', 'ingest'])('no provider is a fault for the role %s', (ROLE) => {
    expect(faultsOf({ NODE_ENV, ROLE })).toEqual([
      'META_APP_SECRET, STRIPE_WEBHOOK_SECRET: no provider is configured; set the secrets of at least one',
    ]);
  });

  it('the role worker needs none, since it takes no webhooks', () => {
    expect(faultsOf({ NODE_ENV, ROLE: 'worker' })).toEqual([]);
  });

  it('a half-configured provider is a fault, whatever else is configured', () => {
    expect(faultsOf({ NODE_ENV, ...STRIPE, META_APP_SECRET: 'x' })).toEqual([
      'META_VERIFY_TOKEN: WhatsApp is half configured; set it to the token typed into Meta’s webhook form',
    ]);
    expect(faultsOf({ NODE_ENV, ...STRIPE, META_VERIFY_TOKEN: 'x' })).toEqual([
      'META_APP_SECRET: WhatsApp is half configured; set it to the app secret of the Meta app',
    ]);
    expect(faultsOf({ NODE_ENV: 'development', META_VERIFY_TOKEN: 'x' })).toEqual([]);
  });
});

describe('retention', () => {
  it.each(['0', '35', '36500'])('events may be kept for %s days, whatever the bytes', (EVENT_RETENTION_DAYS) => {
    for (const RAW_RETENTION_DAYS of ['0', '1', '90'])
      expect(faultsOf({ EVENT_RETENTION_DAYS, RAW_RETENTION_DAYS })).toEqual([]);
  });

  it.each(['1', '34'])('events kept for %s days only would come again', (EVENT_RETENTION_DAYS) => {
    expect(faultsOf({ EVENT_RETENTION_DAYS })).toEqual([
      'EVENT_RETENTION_DAYS: write 0 (for ever) or at least 35: Stripe sends events again for 30 days, and one that was removed would be taken for a new one',
    ]);
  });
});

describe('the times of a stop, and the ports', () => {
  it.each([
    [{ SHUTDOWN_DELAY_MS: '9000' }, 'SHUTDOWN_DELAY_MS: must be below SHUTDOWN_TIMEOUT_MS (8000), which includes it'],
    [{ METRICS_PORT: '3000' }, 'METRICS_PORT: is the same as PORT; give it a port of its own'],
    [{ PORT: '80', ADMIN_PORT: '80' }, 'ADMIN_PORT: is the same as PORT; give it a port of its own'],
    [{ METRICS_PORT: '81', ADMIN_PORT: '81' }, 'ADMIN_PORT: is the same as METRICS_PORT; give it a port of its own'],
    [
      { ADMIN_ALLOWED_ORIGINS: 'https://a.example.com/x' },
      'ADMIN_ALLOWED_ORIGINS: write origins such as https://admin.example.com, without a path; separate several by commas',
    ],
  ])('%j does not fit', (environment, fault) => {
    expect(() => loadConfig(environment)).toThrow(fault);
  });

  it('a secret file that cannot be read is one fault, and not a missing secret besides', () => {
    const environment = { NODE_ENV: 'production', META_APP_SECRET_FILE: '/nowhere', META_VERIFY_TOKEN: 'x' };
    expect(() => loadConfig(environment)).toThrow(
      /^The configuration has a fault:\n {2}- META_APP_SECRET_FILE: cannot be read/,
    );
  });
});
