/** Webhook bodies as raw bytes: never reformatted, for signatures cover bytes. */
import { readdirSync, readFileSync } from 'node:fs';
import type { WebhookProviderName } from '../../src/core/event.ts';

const directory = new URL('../fixtures/', import.meta.url);

/** Names without `.json`, sorted. */
export function fixtureNames(provider: WebhookProviderName): readonly string[] {
  const files = readdirSync(new URL(`${provider}/`, directory));
  return files.map((file) => file.replace(/\.json$/, '')).sort();
}

export function readFixture(provider: WebhookProviderName, name: string): Buffer {
  return readFileSync(new URL(`${provider}/${name}.json`, directory));
}
