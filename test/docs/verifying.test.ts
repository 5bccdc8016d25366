/** The receivers of docs/verifying.md take what we sign and nothing else. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signatureHeaders } from '../../src/delivery/signing.ts';
import { stripe } from '../../src/providers/stripe/index.ts';
import { until } from '../support/until.ts';
import { isInstalled, LANGUAGES, PAGE, prepareSnippet, type RunningReceiver, type Snippet } from './receivers.ts';

/** Milliseconds: Go may have to compile its library first. */
const BUILD_TIMEOUT = 180_000;

const secretOf = (text: string) => `whsec_${Buffer.from(text.padEnd(32, '.')).toString('base64')}`;
const OLD = secretOf('the old secret');
const NEW = secretOf('the new one');
const OTHER = secretOf('of somebody else');

const BODY = Buffer.from('{"type":"invoice.paid","payload":{"name":"Jörg Größer €"}}');
/** Neither UTF-8 nor JSON: whoever decodes it before the check finds another signature. */
const NO_TEXT = Buffer.concat([BODY, Buffer.from([0xff])]);

interface Sent {
  readonly secrets?: readonly string[];
  /** Signed. */
  readonly body?: Buffer;
  /** Seconds from now. */
  readonly ahead?: number;
  /** Sent in place of what was signed. */
  readonly altered?: { readonly body?: Buffer; readonly headers?: Readonly<Record<string, string | null>> };
}

/** The gateway's own headers, with what somebody on the way has made of them; null removes one. */
function request({ secrets = [OLD], body = BODY, ahead = 0, altered = {} }: Sent): RequestInit & { id: string } {
  const id = `msg_${randomUUID()}`;
  const now = new Date(Date.now() + ahead * 1000);
  const signed = signatureHeaders({ signing: 'standard', secrets, messageId: id, body, now, provider: stripe });
  const headers = Object.entries({ 'webhook-id': id, ...signed, ...altered.headers });
  const kept = headers.flatMap(([name, value]): [string, string][] => (value === null ? [] : [[name, value]]));
  return { id, method: 'POST', headers: kept, body: altered.body ?? body };
}

const TAKEN: Readonly<Record<string, Sent>> = {
  'signed with the old secret': {},
  'signed with the new secret': { secrets: [NEW] },
  'signed with both': { secrets: [OLD, NEW] },
  'the second of two signatures is of a known secret': { secrets: [OTHER, NEW] },
  'four minutes old': { ahead: -240 },
};

const header = (name: string, value: string | null): Sent => ({ altered: { headers: { [name]: value } } });
const timestamp = (ahead: number) => Math.floor(Date.now() / 1000 + ahead).toString();

const REFUSED: Readonly<Record<string, Sent>> = {
  'another secret': { secrets: [OTHER] },
  'an altered body': { altered: { body: Buffer.from(BODY.toString().replace('ß', 'ss')) } },
  'the same letters in other bytes': { altered: { body: Buffer.from(BODY.toString().normalize('NFD')) } },
  'an altered id': header('webhook-id', `msg_${randomUUID()}`),
  'an altered time': header('webhook-timestamp', timestamp(-10)),
  'six minutes old': { ahead: -360 },
  'six minutes ahead': { ahead: 360 },
  'no time at all': header('webhook-timestamp', 'now'),
  'no id': header('webhook-id', null),
  'no timestamp': header('webhook-timestamp', null),
  'no signature': header('webhook-signature', null),
  'an empty signature': header('webhook-signature', ''),
  'a signature that is no base64': header('webhook-signature', 'v1,größer'),
};

test('the example for other languages is what the gateway signs', () => {
  const [, json = ''] = /^```json\n([\s\S]*?)^```$/m.exec(PAGE) ?? [];
  const { secret, 'webhook-id': messageId, body, ...headers } = JSON.parse(json);
  const now = new Date(Number(headers['webhook-timestamp']) * 1000);
  const input = { secrets: [secret], messageId, body: Buffer.from(body), now, provider: stripe };
  expect(headers).toEqual(signatureHeaders({ signing: 'standard', ...input }));
});

test('the page has a receiver in each of the four languages, and no others', () => {
  const [, section = ''] = /^## Receivers$([\s\S]*?)^## /m.exec(PAGE) ?? [];
  expect([...section.matchAll(/^### (.+)$/gm)].map(([, name]) => name)).toEqual(LANGUAGES.map(({ name }) => name));
});

const suites = LANGUAGES.map((language) => {
  const installed = isInstalled(language);
  // Under CI no suite may be skipped. This one is not: TypeScript is always there.
  const why = installed ? '' : ' (skipped: not on this machine, which is allowed for a language, also with CI=true)';
  return [`${language.name}${why}`, language, installed] as const;
});

describe.each(suites)('%s', (_title, language, installed) => {
  let snippet: Snippet;
  let receiver: RunningReceiver;
  beforeAll(async () => {
    if (!installed) return;
    snippet = prepareSnippet(language);
    receiver = await snippet.run(`${OLD}, ${NEW}`);
  }, BUILD_TIMEOUT);
  afterAll(() => snippet?.dispose());

  const status = async (sent: RequestInit) => (await fetch(receiver.url, sent)).status;
  const statuses = async (cases: Readonly<Record<string, Sent>>) => {
    const found: Record<string, number> = {};
    for (const [what, sent] of Object.entries(cases)) found[what] = await status(request(sent));
    return found;
  };
  const all = (cases: object, code: number) => Object.fromEntries(Object.keys(cases).map((what) => [what, code]));

  test.skipIf(!installed)('takes what we sign, and works on nothing else', async () => {
    expect(await statuses(TAKEN), receiver.output()).toEqual(all(TAKEN, 204));
    expect(await statuses(REFUSED), receiver.output()).toEqual(all(REFUSED, 401));
    const last = request({});
    expect(await status(last)).toBe(204);
    await until('it to have told of the last', () => receiver.output().includes(`${last.id} invoice.paid`));
    expect(receiver.output().match(/msg_\S+ invoice\.paid/g)).toHaveLength(Object.keys(TAKEN).length + 1);
  });

  test.skipIf(!installed)('answers 500 if its work fails, so that the delivery comes again', async () => {
    expect(await status(request({ body: NO_TEXT }))).toBe(500);
    expect(await status(request({}))).toBe(204);
  });

  test.skipIf(!installed).each([
    ['no secret', ''],
    ['an empty one beside another', `${OLD}, whsec_`],
  ])('takes nothing with %s, and says so', async (_, secrets) => {
    const printed = await snippet.run(secrets).then(
      async ({ url, output }) => {
        // PHP reads its environment at every request.
        expect((await fetch(url, request({ secrets: ['whsec_'] }))).status).toBe(500);
        return output();
      },
      (error: Error) => error.message,
    );
    expect(printed).toContain('WEBHOOK_SECRETS: write whsec_');
  });
});
