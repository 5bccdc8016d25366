/** Signed bodies of any size in which something large is shared by many: whatever is done anew for each of them shows as quadratic. */

const body = (...entries: readonly string[]) => `{"object":"whatsapp_business_account","entry":[${entries.join(',')}]}`;
const entry = (changes: string, more = '"id":"1"') => `{${more},"changes":[${changes}]}`;
const change = (value: string, field = '"messages"') => `{"field":${field},"value":{${value}}}`;
const oneChange = (value: string) => body(entry(change(value)));

/** Members until they are `size` characters together. */
function list(size: number, member: (n: number) => string): string {
  const members: string[] = [];
  let length = 0;
  for (let n = 0; length < size; n++) {
    const text = member(n);
    members.push(text);
    length += text.length + 1;
  }
  return members.join(',');
}

const nested = (levels: number, inner = '') => '['.repeat(levels) + inner + ']'.repeat(levels);
const wide = (size: number) => list(size, (n) => `{"k${n}":[${n}]}`);
/** Large, and in one place too deep to be printed. */
const deep = (size: number) => `[${wide(size)},${nested(250)}]`;
const escaped = (size: number) => `"${'\\"'.repeat(size / 2)}"`;
const digits = (size: number) => '1'.repeat(size);

/** So long that 2 MiB hold no more items than a body may be taken apart into. */
const PADDING = `"p":"${'x'.repeat(95)}"`;
const items = (size: number, more = '') => list(size, (n) => `{"id":"a${n}"${more},${PADDING}}`);
const changes = (size: number) => list(size, (n) => change(`"n":${n},${PADDING}`));
const contacts = (shared: string) => `"contacts":[{"wa_id":"7","x":${shared}},{"wa_id":"8"}]`;
const TO_SEVEN = ',"recipient_id":"7"';
/** V8 hashes longer strings by their length alone. */
const alike = (n: number) => `"${'x'.repeat(16_400)}${String(n).padStart(6)}"`;

/** Each makes a body of about `size` characters. */
export const LARGE_BODIES: Readonly<Record<string, (size: number) => string>> = {
  'statuses that share a contact nested too deep': (size) =>
    oneChange(`${contacts(deep(size / 2))},"statuses":[${items(size / 2, TO_SEVEN)}]`),
  'statuses that share a large contact': (size) =>
    oneChange(`${contacts(`[${wide(size / 2)}]`)},"statuses":[${items(size / 2, TO_SEVEN)}]`),
  'statuses that share a contact full of escapes': (size) =>
    oneChange(`${contacts(escaped(size / 2))},"statuses":[${items(size / 2, TO_SEVEN)}]`),
  'statuses with a contact each': (size) =>
    oneChange(
      `"contacts":[${list(size / 4, (n) => `{"wa_id":"${n}"}`)}],"statuses":[${list((size * 3) / 4, (n) => `{"id":"a${n}","recipient_id":"${n}",${PADDING}}`)}]`,
    ),
  'contacts whose names hash alike': (size) =>
    oneChange(
      `"contacts":[${list(size / 2, (n) => `{"wa_id":${alike(n)}}`)}],"statuses":[${list(size / 2, (n) => `{"id":"a${n}","recipient_id":${alike(n)}}`)}]`,
    ),
  'changes of an entry whose id is nested too deep': (size) => body(entry(changes(size / 2), `"id":${deep(size / 2)}`)),
  'changes of an entry whose id is large': (size) => body(entry(changes(size / 2), `"id":[${wide(size / 2)}]`)),
  'odd changes of an entry whose id is long': (size) =>
    body(
      entry(
        list(size / 2, (n) => `"${n}${'x'.repeat(95)}"`),
        `"id":${escaped(size / 2)}`,
      ),
    ),
  'messages of an entry whose time is a number of many digits': (size) =>
    body(entry(change(`"messages":[${items(size / 2)}]`), `"time":${digits(size / 2)}`)),
  'messages of an entry whose time is a text of many digits': (size) =>
    body(entry(change(`"messages":[${items(size / 2)}]`), `"time":"${digits(size / 2)}"`)),
  'changes of an entry whose time is a fraction of many digits': (size) =>
    body(entry(changes(size / 2), `"time":0.${digits(size / 2)}`)),
  'messages that share metadata nested too deep': (size) =>
    oneChange(`"metadata":{"phone_number_id":${deep(size / 2)}},"messages":[${items(size / 2)}]`),
  'messages that share metadata full of escapes': (size) =>
    oneChange(`"metadata":{"x":${escaped(size / 2)}},"messages":[${items(size / 2)}]`),
  'messages that share metadata that has to be altered': (size) =>
    oneChange(`"metadata":{"x":"${'\\u0000'.repeat(size / 12)}"},"messages":[${items(size / 2)}]`),
  'notices under a field whose name is long': (size) =>
    body(entry(change(`"groups":[${items(size / 2)}]`, escaped(size / 2)))),
  'notices under a field nested too deep': (size) =>
    body(entry(change(`"groups":[${items(size / 2)}]`, deep(size / 2)))),
  'errors beside something large': (size) => oneChange(`"x":[${wide(size / 2)}],"errors":[${items(size / 2)}]`),
  'errors beside something nested too deep': (size) => oneChange(`"x":${deep(size / 2)},"errors":[${items(size / 2)}]`),
  'messages without an id, each nested too deep': (size) =>
    oneChange(`"messages":[${list(size, () => `{"x":${nested(201)}}`)}]`),
  'a notice nested as deep as is printed, with much at the bottom': (size) =>
    oneChange(`"n":1e5,"groups":[${nested(190, wide(size))}]`),
  'messages with numbers that no double holds': (size) =>
    oneChange(`"messages":[${list(size, (n) => `{"id":1e${n},${PADDING}}`)}]`),
  'a message with many numbers that no double holds': (size) =>
    oneChange(`"messages":[{"id":"a","x":[${list(size, () => '1e1')}]}]`),
  'a value with many keys': (size) => oneChange(`"messages":[{"id":"a"}],${list(size, (n) => `"k${n}":${n}`)}`),
  'nothing but brackets': (size) => nested(size / 2),
};
