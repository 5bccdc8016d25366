/** Bodies of every kind: real ones, odd JSON in the shape of real ones, arbitrary JSON, arbitrary bytes. */
import fc from 'fast-check';

const arrays = [
  'messages',
  'statuses',
  'calls',
  'message_echoes',
  'errors',
  'history',
  'groups',
  'contacts',
  'metadata',
  'x',
];
const fields = [
  'id',
  'type',
  'status',
  'event',
  'timestamp',
  'from',
  'wa_id',
  'payment',
  'errors',
  'metadata',
  '__proto__',
];

/** JSON text, so that numbers no double holds and escapes no writer makes can be in it. */
const oddScalar = fc.constantFrom(
  '1e999999',
  '-1E-999999',
  '0e99999999999',
  '123456789012345678901234567890.5',
  '1763600400',
  '"1763600400"',
  '"\\u0000"',
  '"\\ud800"',
  '"\\udc00\\ud800\\\\u0000"',
  '"a:b"',
  '"wamid.A="',
  '""',
  'null',
  `"${'x'.repeat(300)}"`,
  '"\\ud83d\\ude42"',
  '['.repeat(250) + ']'.repeat(250),
);
const scalar = fc.oneof(
  oddScalar,
  fc.jsonValue({ maxDepth: 1 }).map((value) => JSON.stringify(value)),
);
const objectOf = (names: readonly string[], value: fc.Arbitrary<string>) =>
  fc
    .array(fc.tuple(fc.constantFrom(...names), value), { maxLength: 5 })
    .map((members) => `{${members.map(([name, text]) => `"${name}":${text}`).join(',')}}`);
const arrayOf = (value: fc.Arbitrary<string>) =>
  fc.array(value, { maxLength: 3 }).map((values) => `[${values.join(',')}]`);

const item = fc.oneof(objectOf(fields, scalar), scalar);
const value = fc.oneof(
  { weight: 5, arbitrary: objectOf(arrays, fc.oneof(arrayOf(item), item)) },
  { weight: 1, arbitrary: scalar },
);
const changes = arrayOf(
  fc.oneof(
    { weight: 5, arbitrary: fc.tuple(scalar, value).map(([field, text]) => `{"field":${field},"value":${text}}`) },
    { weight: 1, arbitrary: scalar },
  ),
);
const entries = arrayOf(
  fc.tuple(scalar, scalar, changes).map(([id, time, list]) => `{"id":${id},"time":${time},"changes":${list}}`),
);
const whatsappText = entries.map((list) => `{"object":"whatsapp_business_account","entry":${list}}`);
const stripeText = objectOf(
  ['id', 'object', 'type', 'created', 'account', 'context', 'data', '__proto__'],
  fc.oneof(scalar, fc.constantFrom('"event"', '"v2.core.event"')),
);

export const anyBody: fc.Arbitrary<Buffer> = fc
  .oneof(
    { weight: 4, arbitrary: whatsappText },
    { weight: 4, arbitrary: stripeText },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1 }) },
  )
  .map((text) => Buffer.from(text))
  .chain((bytes) => fc.tuple(fc.constant(bytes), fc.nat(bytes.length), fc.option(fc.nat(255), { freq: 3 })))
  // One byte in some of the bodies is changed to anything, UTF-8 or not.
  .map(([bytes, place, odd]) =>
    odd === null ? bytes : Buffer.from(bytes.with(Math.min(place, bytes.length - 1), odd)),
  );
