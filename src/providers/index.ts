/** The registry: every provider the gateway knows. A new one is a folder, its fixtures, and one line here. */
import type { ProviderName, WebhookProviderName } from '../core/event.ts';
import type { Origin, Provider } from '../core/provider.ts';
import { gateway } from './gateway/index.ts';
import { stripe } from './stripe/index.ts';
import { whatsapp } from './whatsapp/index.ts';

/** Whose webhooks are taken. */
export const providers: Readonly<Record<WebhookProviderName, Provider>> = { stripe, whatsapp };

/** Whose events there are. */
export const origins: Readonly<Record<ProviderName, Origin>> = { ...providers, gateway };
