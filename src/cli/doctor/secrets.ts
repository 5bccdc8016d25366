/** Which secrets there are, and where they come from; never what they are. */
import { statSync } from 'node:fs';
import type { Config } from '../../config.ts';
import { StartupError } from '../../core/errors.ts';
import {
  PROVIDER_SECRETS,
  type ProviderSecretName,
  readGeneratedSecret,
  type SecretName,
  secretFile,
} from '../../storage/disk/generated-secrets.ts';
import type { Environment } from './configuration.ts';
import { type Finding, fault, ok, warning } from './finding.ts';

const PROVIDERS: Readonly<Record<ProviderSecretName, string>> = {
  META_APP_SECRET: 'WhatsApp',
  META_VERIFY_TOKEN: 'WhatsApp',
  STRIPE_WEBHOOK_SECRET: 'Stripe',
};

export interface SecretsCheckOptions {
  readonly config: Config;
  /** What the configuration was made from: it says whether a value stood in a file. */
  readonly environment: Environment;
  /** Absolute. */
  readonly dataDir: string;
}

export function checkSecrets({ config, environment, dataDir }: SecretsCheckOptions): Finding[] {
  const origin = (name: string) => ((environment[`${name}_FILE`] ?? '').trim() === '' ? 'set' : `from ${name}_FILE`);
  const findings = PROVIDER_SECRETS.flatMap((name) => {
    const values = valuesOf(config, name);
    if (values.length === 0) return notConfigured(config, dataDir, name, `${PROVIDERS[name]} is not served`);
    return [ok(`${name}: ${origin(name)}, ${values.length === 1 ? '1 value' : `${values.length} values`}`)];
  });
  const keys = config.ENCRYPTION_KEYS?.length ?? 0;
  const encryption =
    keys === 0
      ? notConfigured(config, dataDir, 'ENCRYPTION_KEYS', 'no destination can have a secret')
      : [ok(`ENCRYPTION_KEYS: ${origin('ENCRYPTION_KEYS')}, ${keys === 1 ? '1 key' : `${keys} keys`}`)];
  const admin =
    config.ADMIN_API_KEY === undefined
      ? notConfigured(config, dataDir, 'ADMIN_API_KEY', 'the API takes keys of its table only')
      : [ok(`ADMIN_API_KEY: ${origin('ADMIN_API_KEY')}`)];
  return [...findings, ...strangeStripeSecrets(config), ...(config.ROLE === 'ingest' ? [] : [...encryption, ...admin])];
}

function valuesOf(config: Config, name: ProviderSecretName): readonly string[] {
  const values = config[name] ?? [];
  // Of a verify token with commas the whole is accepted too, as one value more.
  return name === 'META_VERIFY_TOKEN' && values.length > 1 ? values.slice(1) : values;
}

function notConfigured({ NODE_ENV }: Config, dataDir: string, name: SecretName, consequence: string): Finding[] {
  if (NODE_ENV === 'production') return [ok(`${name}: not set, ${consequence}`)];
  const file = secretFile(dataDir, name);
  try {
    if (readGeneratedSecret(dataDir, name) === null) return [ok(`${name}: missing, the first start generates one`)];
  } catch (error) {
    if (!(error instanceof StartupError)) throw error;
    return [fault(`${name}: ${error.message}`)];
  }
  const open = process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0;
  return [
    ok(`${name}: generated, in ${file}`),
    ...(open ? [warning(`${name}: other users of this machine may read it`, `chmod 600 ${file}`)] : []),
  ];
}

/** The API key, copied in its place, is the usual slip: then every webhook is answered 401. */
function strangeStripeSecrets({ STRIPE_WEBHOOK_SECRET = [] }: Config): Finding[] {
  if (STRIPE_WEBHOOK_SECRET.every((secret) => secret.startsWith('whsec_'))) return [];
  const text = 'STRIPE_WEBHOOK_SECRET: a value does not begin with whsec_';
  return [
    warning(text, 'Take the signing secret of the endpoint from Stripe’s dashboard; an API key is another thing.'),
  ];
}
