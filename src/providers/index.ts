/** The registry: every provider the gateway knows. A new one is a folder, its fixtures, and one line here. */
import type { ProviderName } from '../core/event.ts';
import type { Provider } from '../core/provider.ts';
import { stripe } from './stripe/index.ts';
import { whatsapp } from './whatsapp/index.ts';

export const providers: Readonly<Record<ProviderName, Provider>> = { stripe, whatsapp };
