/** The registry of projections: what each provider's events become. */
import type { WebhookProviderName } from '../core/event.ts';
import type { Projector } from '../core/projection.ts';
import { projector as stripe } from './stripe/project.ts';
import { projector as whatsapp } from './whatsapp/project.ts';

export const projectors: Readonly<Record<WebhookProviderName, Projector>> = { stripe, whatsapp };
