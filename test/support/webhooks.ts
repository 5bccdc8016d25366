/** Signed webhooks, as a provider posts them. */
import { randomUUID } from 'node:crypto';
import type { WebhookProviderName } from '../../src/core/event.ts';
import type { Provider } from '../../src/core/provider.ts';
import { stripe } from '../../src/providers/stripe/index.ts';
import { whatsapp } from '../../src/providers/whatsapp/index.ts';

export const SECRETS: Readonly<Record<WebhookProviderName, string>> = {
  stripe: 'whsec_test_of_the_suite',
  whatsapp: 'app-secret-of-the-suite',
};
export const VERIFY_TOKEN = 'verify-token-of-the-suite';

/** What a daemon needs in its environment to accept these webhooks. */
export const PROVIDER_ENVIRONMENT = {
  META_APP_SECRET: SECRETS.whatsapp,
  META_VERIFY_TOKEN: VERIFY_TOKEN,
  STRIPE_WEBHOOK_SECRET: SECRETS.stripe,
};

const PROVIDERS: Readonly<Record<WebhookProviderName, Provider>> = { stripe, whatsapp };

/** Begins every id made by `markedUnique`. */
export const MARK = 'c4a05c4a05';

/** For `fresh`: makes every id in the body one that can be found again wherever it should not be. */
export function markedUnique(): string {
  return MARK + randomUUID().replaceAll('-', '').slice(MARK.length);
}

export interface Webhook {
  readonly provider: WebhookProviderName;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** Signs any bytes, now, with the suite's secret. */
export function signed(provider: WebhookProviderName, body: Buffer | string, secret = SECRETS[provider]): Webhook {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body);
  const { signatureHeader, sign } = PROVIDERS[provider];
  const signature = sign({ body: bytes, secret, now: new Date() });
  return { provider, body: bytes, headers: { 'content-type': 'application/json', [signatureHeader]: signature } };
}

/** A webhook that nobody has sent before. `unique`: what the ids in its body are made of. */
export function fresh(
  provider: WebhookProviderName,
  type?: string,
  unique = randomUUID().replaceAll('-', ''),
): Webhook {
  return signed(provider, PROVIDERS[provider].sample({ type, unique, now: new Date() }));
}

export interface Answer {
  readonly status: number;
  /** Value of `x-webhook-accepted`. */
  readonly accepted: string | null;
  readonly requestId: string | null;
  readonly headers: Headers;
  readonly text: string;
}

/** Posts it to the default path of its provider under the base URL. Rejects only if there is no answer. */
export async function post(baseUrl: string, { provider, body, headers }: Webhook): Promise<Answer> {
  const response = await fetch(`${baseUrl}/webhooks/${provider}`, { method: 'POST', headers, body });
  return {
    status: response.status,
    accepted: response.headers.get('x-webhook-accepted'),
    requestId: response.headers.get('x-request-id'),
    headers: response.headers,
    text: await response.text(),
  };
}

/** The ids under which its events are stored, whenever and under whatever request. */
export function keysOf({ provider, body }: Webhook, requestId: string = randomUUID()): string[] {
  return PROVIDERS[provider].parse({ body, requestId, receivedAt: new Date() }).map(({ dedupeKey }) => dedupeKey);
}
