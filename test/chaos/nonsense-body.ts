/** Bodies with the grammar of the providers' own and something wrong in them, seeded. */
import type { WebhookProviderName } from '../../src/core/event.ts';
import { stripe } from '../../src/providers/stripe/index.ts';
import { SAMPLE_TYPES as STRIPE_TYPES } from '../../src/providers/stripe/sample.ts';
import { whatsapp } from '../../src/providers/whatsapp/index.ts';
import { SAMPLE_TYPES as WHATSAPP_TYPES } from '../../src/providers/whatsapp/sample.ts';
import { MARK } from '../support/webhooks.ts';
import type { Random } from './random.ts';

const SAMPLES = {
  stripe: { provider: stripe, types: STRIPE_TYPES },
  whatsapp: { provider: whatsapp, types: WHATSAPP_TYPES },
};

/** JSON texts that stand where something else belongs. */
const ODD_VALUES = [
  'null',
  'true',
  '[]',
  '{}',
  '""',
  '0',
  '-0',
  '-1',
  '1e999999',
  '-1E-999999',
  '0e99999999999',
  '12345678901234567890.5',
  '99999999999999999999999',
  '"99999999999999999999"',
  '1763600400.5',
  '"\\u0000"',
  '"\\ud800"',
  '"\\udc00\\ud83d"',
  '"a:b c"',
  '"wamid."',
  '"evt_"',
  '"__proto__"',
  '"\\u202e\\ufeff"',
  '"😀 é ß"',
  '[[],{},null]',
  '{"__proto__":{"id":"x"},"constructor":1}',
  `"${'x'.repeat(300)}"`,
  `"${'\\"'.repeat(5_000)}"`,
];
/** Texts that are no JSON at all. */
const NO_VALUES = [
  'undefined',
  'NaN',
  '01',
  '+1',
  '.5',
  "'x'",
  '"\u0001"',
  '"\t"',
  '"\\x"',
  '"\\u12"',
  '',
  ',',
  '/**/',
  '"',
];
const DEPTHS = [150, 199, 200, 201, 1_000, 20_000];
const BYTES = [
  [0xff],
  [0xfe, 0xff],
  [0xc3, 0x28],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0x00],
  [0x1b],
  [0x7f],
];

/** Of a hundred values about two are odd, so that most of a body stays as it is. */
const ODD_SHARE = 0.02;

export function nonsenseBody(providerName: WebhookProviderName, random: Random): Buffer {
  const { provider, types } = SAMPLES[providerName];
  const unique = MARK + random.below(2 ** 32).toString(16) + random.below(2 ** 32).toString(16);
  const sample = provider.sample({ type: random.pick(types), unique, now: new Date() });
  return damaged(Buffer.from(print(JSON.parse(sample.toString()), random)), random);
}

function print(value: unknown, random: Random): string {
  if (random.next() < ODD_SHARE) return oddity(value, random);
  if (Array.isArray(value)) return `[${value.map((item) => print(item, random)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${print(member, random)}`);
  return `{${members.join(',')}}`;
}

function oddity(value: unknown, random: Random): string {
  const text = JSON.stringify(value);
  const name = typeof value === 'object' && value !== null ? Object.keys(value)[0] : undefined;
  return random.pick<() => string>([
    () => random.pick(ODD_VALUES),
    () => random.pick(ODD_VALUES),
    () => random.pick(ODD_VALUES),
    () => (random.below(20) === 0 ? random.pick(NO_VALUES) : random.pick(ODD_VALUES)),
    () => `[${text}]`,
    () => `[${text},${random.pick(ODD_VALUES)},${text}]`,
    () => `{"0":${text}}`,
    () => JSON.stringify(text),
    // The same name twice, with another value.
    () => (name === undefined ? text : `{${JSON.stringify(name)}:${random.pick(ODD_VALUES)},${text.slice(1)}`),
    () => (random.below(20) === 0 ? nested(random) : text),
    () => (random.below(50) === 0 ? `[${Array(random.below(3_000)).fill(text).join(',')}]` : text),
  ])();
}

function nested(random: Random): string {
  const depth = random.pick(DEPTHS);
  return random.below(2) === 0 ? '['.repeat(depth) + ']'.repeat(depth) : '{"a":'.repeat(depth) + 1 + '}'.repeat(depth);
}

/** One body in four is no longer what a JSON writer would make. */
function damaged(body: Buffer, random: Random): Buffer {
  const place = random.below(body.length + 1);
  const [before, after] = [body.subarray(0, place), body.subarray(place)];
  switch (random.below(24)) {
    case 0:
      return before;
    case 1:
      return after;
    case 2:
      return Buffer.concat([before, Buffer.from(random.pick(BYTES)), after]);
    case 3:
      return Buffer.concat([before, Buffer.from(random.pick(BYTES)), after.subarray(1)]);
    case 4:
      return Buffer.concat([Buffer.from('\uFEFF'), body]);
    case 5:
      return Buffer.concat([body, random.pick([body, Buffer.from(' '), Buffer.from('\0'), Buffer.from(']}')])]);
    default:
      return body;
  }
}
