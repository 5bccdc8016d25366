/** Bodies that are signed and still hostile to a database: what a compromised or careless sender could post. */
import type { WebhookProviderName } from '../../src/core/event.ts';

export interface HostileBody {
  readonly name: string;
  readonly provider: WebhookProviderName;
  readonly body: Buffer;
}

const stripeEvent = (fields: string) => `{"id":"evt_hostile","object":"event","type":"charge.succeeded",${fields}}`;
const change = (value: string) =>
  `{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{${value}}}]}]}`;
const message = (item: string) => change(`"metadata":{"phone_number_id":"2"},"messages":[${item}]`);
const messages = (count: number) =>
  Array.from({ length: count }, (_, index) => `{"id":"wamid.many${index}","type":"text"}`).join(',');
const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

const STRIPE: Readonly<Record<string, string | Buffer>> = {
  'an escaped NUL': stripeEvent('"data":{"object":{"id":"ch_1","name":"a\\u0000b"}}'),
  'a NUL in a key of an object': stripeEvent('"data":{"a\\u0000b":1}'),
  'an escaped backslash before u0000': stripeEvent('"data":{"text":"\\\\u0000"}'),
  'a lone high surrogate': stripeEvent('"data":{"name":"\\ud800"}'),
  'a lone low surrogate': stripeEvent('"data":{"name":"x\\udc00y"}'),
  'a NUL in the id': '{"id":"evt_\\u0000","object":"event","type":"a.b"}',
  'a NUL in the type': '{"id":"evt_nul_type","object":"event","type":"a\\u0000b"}',
  'a NUL in the subject': stripeEvent('"data":{"object":{"id":"ch_\\u0000"}}'),
  'a number without end': stripeEvent('"data":{"amount":1e999999}'),
  'a number of 200,000 digits': stripeEvent(`"data":{"amount":${'9'.repeat(200_000)}}`),
  'a fraction of 20,000 digits': stripeEvent(`"data":{"amount":0.${'1'.repeat(20_000)}}`),
  'a vanishing number': stripeEvent('"data":{"amount":1e-999999}'),
  'a long number': stripeEvent('"data":{"amount":12345678901234567890.5}'),
  'nesting 300 deep': stripeEvent(`"data":${deep(300)}`),
  'nesting 100,000 deep': stripeEvent(`"data":${deep(100_000)}`),
  'nothing but brackets': deep(500_000),
  'invalid UTF-8': Buffer.concat([
    Buffer.from(stripeEvent('"data":{"name":"').slice(0, -1)),
    Buffer.from([0xff, 0xfe]),
    Buffer.from('"}}'),
  ]),
  'duplicate keys': stripeEvent('"data":{"a":1,"a":2},"data":{"b":3}'),
  'a prototype in the body':
    '{"id":"evt_proto","object":"event","type":"a.b","__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}',
  'an id of 20,000 characters': `{"id":"evt_${'x'.repeat(20_000)}","object":"event","type":"a.b"}`,
  'an id with a colon, a space and an emoji': '{"id":"evt_1:acct_2 😀","object":"event","type":"a.b"}',
  'an absurd time': stripeEvent('"created":99999999999999999'),
  'a negative time': stripeEvent('"created":-1'),
  'a time that is a word': stripeEvent('"created":"yesterday"'),
  'a type of 20,000 characters': `{"id":"evt_long_type","object":"event","type":"${'t'.repeat(20_000)}"}`,
  'fields of the wrong kind':
    '{"id":"evt_kinds","object":"event","type":{"a":1},"created":[],"data":"none","account":{"x":1}}',
  'an empty body': '',
  'a bare null': 'null',
  'a bare string': '"evt_1"',
  'an array': '[{"id":"evt_1"}]',
  'a byte order mark': '\uFEFF{"id":"evt_bom","object":"event","type":"a.b"}',
  XML: '<event id="evt_1"/>',
};

const WHATSAPP: Readonly<Record<string, string | Buffer>> = {
  'an escaped NUL': message('{"id":"wamid.1","from":"1","type":"text","text":{"body":"a\\u0000b"}}'),
  'a lone surrogate': message('{"id":"wamid.2","from":"1","type":"text","text":{"body":"\\ud83d"}}'),
  'a NUL in id, sender and type': message('{"id":"wamid.\\u0000","from":"\\u0000","type":"\\u0000"}'),
  'a number without end': message('{"id":"wamid.3","type":"text","n":1e999999}'),
  'a timestamp without end': message('{"id":"wamid.4","type":"text","timestamp":"99999999999999999999"}'),
  'one item too deep among good ones': message(
    `{"id":"wamid.5","type":"text","x":${deep(300)}},{"id":"wamid.6","type":"text"}`,
  ),
  'odd members': message('null,1,"text",[],{},{"id":null},{"id":{}},{"id":""},{"id":12345678901234567890}'),
  'an id of 20,000 characters': message(`{"id":"wamid.${'x'.repeat(20_000)}","type":"text"}`),
  'a prototype in the body': message('{"id":"wamid.7","type":"text","__proto__":{"type":"x"}}'),
  'an object in place of every array':
    '{"object":"whatsapp_business_account","entry":{"id":"1","changes":{"field":"messages","value":{"messages":{"id":"wamid.8","type":"text"}}}}}',
  'entries and changes that are no objects':
    '{"entry":[null,1,{"id":"1"},{"id":"1","changes":[null,"x",{"field":"messages"},{"field":"messages","value":7}]}]}',
  'no entry': '{"object":"whatsapp_business_account"}',
  'invalid UTF-8 in the text': Buffer.concat([
    Buffer.from(
      '{"entry":[{"id":"1","changes":[{"field":"messages","value":{"messages":[{"id":"wamid.9","type":"text","text":{"body":"',
    ),
    Buffer.from([0xc3, 0x28]),
    Buffer.from('"}}]}}]}]}'),
  ]),
  'nesting 100,000 deep': `{"entry":${deep(100_000)}}`,
  'a megabyte of quotes told with each of forty messages': change(
    `"metadata":{"phone_number_id":"2","x":"${'\\"'.repeat(500_000)}"},"messages":[${messages(40)}]`,
  ),
  'more messages than any provider sends': change(`"messages":[${messages(30_000)}]`),
};

export const HOSTILE_BODIES: readonly HostileBody[] = [
  ...Object.entries(STRIPE).map(([name, body]) => ({ name, provider: 'stripe' as const, body: Buffer.from(body) })),
  ...Object.entries(WHATSAPP).map(([name, body]) => ({ name, provider: 'whatsapp' as const, body: Buffer.from(body) })),
];
