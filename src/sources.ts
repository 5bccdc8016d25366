/** The configured sources: each provider with its path and its secrets. Used by the daemon and by the commands beside it. */
import type { Config } from './config.ts';
import type { Source } from './core/source.ts';
import { providers } from './providers/index.ts';
import type { ProviderSecretName } from './storage/disk/generated-secrets.ts';

/**
 * Gives the secret that was not configured. In production there is none: a provider without a secret is not served.
 * Null leaves the source out.
 */
export type MissingSecret = (name: ProviderSecretName) => string | null;

export function configuredSources(config: Config, missing: MissingSecret): Source[] {
  const secretsOf = (name: ProviderSecretName): readonly string[] => {
    const configured = config[name];
    if (configured !== undefined) return configured;
    const other = config.NODE_ENV === 'production' ? null : missing(name);
    return other === null ? [] : [other];
  };
  const sources: Source[] = [
    {
      name: 'whatsapp',
      provider: providers.whatsapp,
      path: config.WHATSAPP_PATH,
      secrets: secretsOf('META_APP_SECRET'),
      verifyTokens: secretsOf('META_VERIFY_TOKEN'),
      toleranceSeconds: 0,
    },
    {
      name: 'stripe',
      provider: providers.stripe,
      path: config.STRIPE_PATH,
      secrets: secretsOf('STRIPE_WEBHOOK_SECRET'),
      verifyTokens: [],
      toleranceSeconds: config.STRIPE_TOLERANCE_SECONDS,
    },
  ];
  return sources.filter(({ secrets }) => secrets.length > 0);
}
