/** The registry of those providers whose events are about people that can be erased. */
import type { Eraser } from '../core/erasure.ts';
import type { WebhookProviderName } from '../core/event.ts';
import { eraser as whatsapp } from './whatsapp/erasure/eraser.ts';

export const erasers: Readonly<Partial<Record<WebhookProviderName, Eraser>>> = { whatsapp };
