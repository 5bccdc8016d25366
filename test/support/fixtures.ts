/** Webhook bodies as raw bytes: never reformatted, for signatures cover bytes. */
import { readdirSync, readFileSync } from 'node:fs';
import type { ProviderName } from '../../src/core/event.ts';

const directory = new URL('../fixtures/', import.meta.url);

/** Names without `.json`, sorted. */
export function fixtureNames(provider: ProviderName): readonly string[] {
  const files = readdirSync(new URL(`${provider}/`, directory));
  return files.map((file) => file.replace(/\.json$/, '')).sort();
}

export function readFixture(provider: ProviderName, name: string): Buffer {
  return readFileSync(new URL(`${provider}/${name}.json`, directory));
}
