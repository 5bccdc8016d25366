/** Known answers of others: the published ones written out here, and a whole file of them where CORPUS_DIR names its folder. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { WebhookProviderName } from '../../src/core/event.ts';
import { providers } from '../../src/providers/index.ts';

interface Vector {
  readonly scheme: string;
  readonly secret: string;
  readonly body: string;
  readonly header: string;
  readonly valid: boolean;
  /** Unix seconds. */
  readonly now?: number;
  readonly tolerance?: number;
  readonly why?: string;
}

const PROVIDER_OF_SCHEME: Readonly<Record<string, WebhookProviderName>> = {
  'x-hub-signature-256': 'whatsapp',
  'stripe-signature': 'stripe',
};

// From GitHub's "Validating webhook deliveries": the scheme that Meta uses too.
const greeting = {
  scheme: 'x-hub-signature-256',
  secret: "It's a Secret to Everybody",
  body: 'Hello, World!',
  header: 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
};
// Computed with `openssl dgst -sha256 -hmac whsec_vector`.
const ping = {
  scheme: 'stripe-signature',
  secret: 'whsec_vector',
  body: '{"id":"evt_vector"}',
  header: 't=1763600400,v1=ac177a64e0466451006d6102ea4af1d3c08158c8f9195b647b732d7c927b71b7',
  now: 1_763_600_700,
  tolerance: 300,
};

const OWN: readonly Vector[] = [
  { ...greeting, valid: true },
  { ...greeting, body: 'Hello, World?', valid: false, why: 'another body' },
  { ...greeting, secret: 'wrong', valid: false, why: 'another secret' },
  { ...greeting, header: greeting.header.slice(0, -1), valid: false, why: 'a digit short' },
  { ...ping, valid: true },
  { ...ping, now: 1_763_600_701, valid: false, why: 'too old' },
  { ...ping, now: 1_763_600_099, valid: false, why: 'too far ahead' },
  { ...ping, header: ping.header.replace('v1', 'v0'), valid: false, why: 'a scheme that does not count' },
  { ...ping, header: ping.header.replace('1763600400', '1763600401'), valid: false, why: 'another time' },
];

const file = join(process.env['CORPUS_DIR'] ?? '', 'signatures.json');
const corpus: readonly Vector[] =
  process.env['CORPUS_DIR'] && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [];
const vectors = [...OWN, ...corpus.filter(({ scheme }) => Object.hasOwn(PROVIDER_OF_SCHEME, scheme))];

it.each(vectors.map((vector, index) => ({ ...vector, index })))('$scheme $index: valid $valid $why', (vector) => {
  const { scheme, secret, body, header, valid, now = 0, tolerance = 300 } = vector;
  const provider = providers[PROVIDER_OF_SCHEME[scheme] ?? 'stripe'];
  const result = provider.verify({
    body: Buffer.from(body),
    header,
    secrets: ['another', secret],
    now: new Date(now * 1000),
    toleranceSeconds: tolerance,
  });
  expect(result.ok).toBe(valid);
  if (result.ok) expect(result.secret).toBe(1);
});
