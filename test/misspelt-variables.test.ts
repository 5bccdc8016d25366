import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkConfiguration } from '../src/cli/doctor/configuration.ts';
import { loadConfig } from '../src/config.ts';
import { FILE_VARIABLES, variables } from '../src/config-variables.ts';
import { misspeltVariables } from '../src/misspelt-variables.ts';

const VALUE = 'not-to-be-told';
const OURS = [...Object.keys(variables.shape), ...FILE_VARIABLES.map((name) => `${name}_FILE`)];

describe('a name that is nearly one of ours', () => {
  it.each([
    ['DATABSE_URL', 'DATABASE_URL'],
    ['DATABASE_ULR', 'DATABASE_URL'],
    ['DATABASE_URI', 'DATABASE_URL'],
    ['DATABASEURL', 'DATABASE_URL'],
    ['DATABASE-URL', 'DATABASE_URL'],
    ['DATA_BASE_URL', 'DATABASE_URL'],
    ['database_url', 'DATABASE_URL'],
    ['DATBASE_URL_FILE', 'DATABASE_URL_FILE'],
    ['DATABASE_POLL_SIZE', 'DATABASE_POOL_SIZE'],
    ['STRIPE_WEBHOK_SECRET', 'STRIPE_WEBHOOK_SECRET'],
    ['STRIPE_WEBHOOK_SECRETS', 'STRIPE_WEBHOOK_SECRET'],
    ['META_APP_SECERT', 'META_APP_SECRET'],
    ['META_VERIFY_TOKEN_', 'META_VERIFY_TOKEN'],
    ['REDIS_UR', 'REDIS_URL'],
    ['TRUSTED_PROXY', 'TRUST_PROXY'],
    ['ADMIN_ALLOWED_IP', 'ADMIN_ALLOWED_IPS'],
    ['ADMIN_APIKEY', 'ADMIN_API_KEY'],
    ['ENCRYPTION_KEY', 'ENCRYPTION_KEYS'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['DATADIR', 'DATA_DIR'],
    ['PROT', 'PORT'],
    ['RAW_RETENTOIN_DASY', 'RAW_RETENTION_DAYS'],
  ])('%s is told, with %s', (name, meant) => {
    expect(misspeltVariables({ [name]: VALUE })).toEqual([{ name, meant }]);
  });

  it('is found for every variable of more than one word, whichever letter is left out', () => {
    const long = OURS.filter((name) => name.includes('_'));
    const missed = long.flatMap((name) =>
      Array.from(name, (_, at) => at)
        .map((at) => name.slice(0, at) + name.slice(at + 1))
        .filter((slip) => misspeltVariables({ [slip]: VALUE })[0]?.meant !== name),
    );
    expect(missed).toEqual([]);
  });
});

describe('nothing is told of', () => {
  it.each(OURS)('%s', (name) => {
    expect(misspeltVariables({ [name]: VALUE })).toEqual([]);
  });

  it.each([
    [
      'a shell',
      'PATH HOME USER LOGNAME SHELL SHLVL PWD OLDPWD TERM TMPDIR LANG LC_ALL TZ HOSTNAME HOSTTYPE EDITOR PAGER _',
    ],
    [
      'a desktop',
      'DISPLAY XDG_DATA_DIRS XDG_DATA_HOME XDG_RUNTIME_DIR SSH_AUTH_SOCK DBUS_SESSION_BUS_ADDRESS COLORTERM',
    ],
    ['proxies', 'http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY'],
    [
      'Node and npm',
      'NODE NODE_OPTIONS NODE_PATH NODE_DEBUG NODE_VERSION NODE_EXTRA_CA_CERTS INIT_CWD COLOR FORCE_COLOR',
    ],
    [
      'npm’s own',
      'npm_config_loglevel npm_config_cache npm_config_user_agent npm_package_name npm_lifecycle_event npm_node_execpath',
    ],
    [
      'PostgreSQL',
      'PGHOST PGPORT PGDATA PGUSER PGPASSWORD PGDATABASE PGSSLMODE POSTGRES_URL POSTGRES_USER POSTGRES_DB POSTGRES_PASSWORD_FILE',
    ],
    [
      'a database in parts',
      'DATABASE_HOST DATABASE_PORT DATABASE_USER DATABASE_NAME DATABASE_SSL DATABASE_PASSWORD DATABASE_POOL_MAX DB_URL DB_HOST',
    ],
    ['Redis in parts', 'REDIS_HOST REDIS_PORT REDIS_DB REDIS_TTL REDIS_SSL REDIS_PASSWORD REDIS_TLS_URL REDISCLI_AUTH'],
    [
      'other ports',
      'PORTS HTTP_PORT HTTPS_PORT APP_PORT ADMIN_HOST METRICS_HOST METRICS_PATH SSH_PORT POST SORT HOSTS ROLES',
    ],
    [
      'Kubernetes',
      'KUBERNETES_SERVICE_HOST KUBERNETES_PORT KUBERNETES_PORT_443_TCP_ADDR REDIS_SERVICE_HOST REDIS_PORT_6379_TCP POD_NAME',
    ],
    [
      'PM2',
      'PM2_HOME PM2_USAGE pm_id pm_exec_path pm_cwd pm_uptime NODE_APP_INSTANCE WEB_CONCURRENCY exec_mode instances name unique_id status',
    ],
    [
      'systemd',
      'INVOCATION_ID JOURNAL_STREAM SYSTEMD_EXEC_PID STATE_DIRECTORY CREDENTIALS_DIRECTORY NOTIFY_SOCKET LISTEN_FDS MAINPID',
    ],
    [
      'our commands',
      'WEBHOOK_GATEWAY_URL WEBHOOK_GATEWAY_KEY WEBHOOK_GATEWAY_KEY_FILE TEST_DATABASE_URL TEST_REDIS_URL CORPUS_DIR CI',
    ],
    [
      'other apps of Stripe and Meta',
      'STRIPE_SECRET_KEY STRIPE_API_KEY STRIPE_PUBLISHABLE_KEY META_APP_ID META_ACCESS_TOKEN WHATSAPP_TOKEN WHATSAPP_PHONE_ID',
    ],
    ['a second one', 'DATABASE_URL2 DATABASE_URL_2 DATABASE_URL_REPLICA REDIS_URL_CACHE OLD_DATABASE_URL'],
    ['log settings', 'LOG_FORMAT LOG_FILE LOG_DIR DEBUG VERBOSE'],
  ])('%s', (_, names) => {
    const environment = Object.fromEntries(names.split(' ').map((name) => [name, VALUE]));
    expect(misspeltVariables(environment)).toEqual([]);
  });

  it('a name beside the one that it resembles, or that one’s file: then it is another program’s', () => {
    expect(misspeltVariables({ DATABASE_URI: VALUE, DATABASE_URL: 'postgres://x' })).toEqual([]);
    expect(misspeltVariables({ DATABASE_URI: VALUE, DATABASE_URL_FILE: '/x' })).toEqual([]);
    expect(misspeltVariables({ DATABASE_URI: VALUE, DATABASE_URL: ' ' })).toHaveLength(1);
  });

  it('an empty variable, which sets nothing', () => {
    expect(misspeltVariables({ DATABSE_URL: ' ' })).toEqual([]);
  });

  it('what .env.example has, once it is filled in', () => {
    const example = readFileSync(new URL('../.env.example', import.meta.url), 'utf8');
    const names = [...example.matchAll(/^#([A-Z_]+)=/gm)].map(([, name = '']) => name);
    expect(misspeltVariables(Object.fromEntries(names.map((name) => [name, VALUE])))).toEqual([]);
  });
});

it('stands behind the faults of a configuration, since one may be its cause', () => {
  const environment = { NODE_ENV: 'production', STRIPE_WEBHOK_SECRET: VALUE };
  expect(() => loadConfig(environment)).toThrow(
    /^The configuration has a fault:\n {2}- META_APP_SECRET, STRIPE_WEBHOOK_SECRET: .*\nSTRIPE_WEBHOK_SECRET is set, and is no variable of the gateway: is STRIPE_WEBHOOK_SECRET meant\?$/,
  );
  expect(() => loadConfig(environment)).not.toThrow(VALUE);
});

it.each([{}, { PORT: 'x' }])('doctor warns of it, with %j beside it', (others) => {
  const { findings } = checkConfiguration({ DATABSE_URL: VALUE, ...others });
  expect(findings).toContainEqual({
    level: 'warning',
    text: 'DATABSE_URL is set, and is no variable of the gateway: is DATABASE_URL meant?',
  });
});
