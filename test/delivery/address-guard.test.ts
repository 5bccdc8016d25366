/** Whoever configures a URL must not reach through the gateway what only the gateway can reach. */
import type { LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import {
  createAddressGuard,
  ForbiddenAddressError,
  type Resolve,
  ResolveError,
} from '../../src/delivery/address-guard.ts';
import { createSender, type Sender, type SendResult } from '../../src/delivery/send.ts';
import { type Receiver, startReceiver } from '../support/receiver.ts';

const guard = createAddressGuard({ allow: [] });

/** Refused as they are written. The second is what the message must say of it. */
const REFUSED: readonly (readonly [url: string, because: RegExp])[] = [
  // Loopback, in every notation that a URL may be written in.
  ['http://127.0.0.1/', /loopback/],
  ['http://127.0.0.1:8080/hook', /loopback/],
  ['https://127.255.255.254/', /loopback/],
  ['http://127.1/', /loopback/],
  ['http://127.0.1/', /loopback/],
  ['http://2130706433/', /loopback/],
  ['http://0x7f000001/', /loopback/],
  ['http://0x7f.0.0.1/', /loopback/],
  ['http://0X7F.0x0.0x0.0x1/', /loopback/],
  ['http://0177.0.0.1/', /loopback/],
  ['http://017700000001/', /loopback/],
  ['http://0177.0x0.1/', /loopback/],
  ['http://127.0.0.1./', /loopback/],
  ['http://127%2e0%2e0%2e1/', /loopback/],
  ['http://%31%32%37.0.0.1/', /loopback/],
  ['http://１２７.０.０.１/', /loopback/],
  ['http://127。0。0。1/', /loopback/],
  ['http://①②⑦.⓪.⓪.①/', /loopback/],
  ['http:\\\\127.0.0.1\\hook', /loopback/],
  ['http:127.0.0.1', /loopback/],
  ['HTTP://127.0.0.1/', /loopback/],
  ['\thttp://127.0.0.1/', /loopback/],
  ['http://12\n7.0.0.1/', /loopback/],
  ['http://localhost/', /this machine itself/],
  ['http://LocalHost/', /this machine itself/],
  ['http://localhost./', /this machine itself/],
  ['http://shop.localhost/', /this machine itself/],
  ['http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/', /this machine itself/],
  ['http://local\u00adhost/', /this machine itself/],
  ['http://[::1]/', /loopback/],
  ['http://[0:0:0:0:0:0:0:1]/', /loopback/],
  ['http://[0000:0000::0001]:3000/', /loopback/],
  // IPv4 inside IPv6.
  ['http://[::ffff:127.0.0.1]/', /loopback/],
  ['http://[::ffff:7f00:1]/', /loopback/],
  ['http://[::FFFF:7F00:0001]/', /loopback/],
  ['http://[::ffff:10.0.0.1]/', /private/],
  ['http://[::127.0.0.1]/', /reserved/],
  ['http://[64:ff9b::127.0.0.1]/', /loopback/],
  ['http://[64:ff9b::a00:1]/', /private/],
  ['http://[64:ff9b:1::a00:1]/', /reserved/],
  ['http://[2002:7f00:1::]/', /reserved/],
  ['http://[2002:c0a8:101::1]/', /reserved/],
  ['http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/', /reserved/],
  ['http://[::ffff:0:127.0.0.1]/', /reserved/],
  // Networks that are not the internet.
  ['http://0.0.0.0/', /this network/],
  ['http://0/', /this network/],
  ['http://0.1.2.3/', /this network/],
  ['http://[::]/', /reserved/],
  ['http://10.0.0.1/', /private/],
  ['http://10.255.255.255/', /private/],
  ['http://172.16.0.1/', /private/],
  ['http://172.31.255.255/', /private/],
  ['http://192.168.0.1/', /private/],
  ['http://3232235521/', /private/],
  ['http://100.64.0.1/', /carrier-grade/],
  ['http://100.127.255.255/', /carrier-grade/],
  ['http://169.254.0.1/', /link-local/],
  ['http://192.0.0.8/', /reserved/],
  ['http://192.0.2.1/', /documentation/],
  ['http://198.51.100.1/', /documentation/],
  ['http://203.0.113.1/', /documentation/],
  ['http://198.18.0.1/', /reserved/],
  ['http://198.19.255.255/', /reserved/],
  ['http://192.88.99.1/', /reserved/],
  ['http://224.0.0.1/', /multicast/],
  ['http://239.255.255.250:1900/', /multicast/],
  ['http://240.0.0.1/', /reserved/],
  ['http://255.255.255.255/', /reserved/],
  ['http://[fc00::1]/', /private/],
  ['http://[fdff:ffff::1]/', /private/],
  ['http://[fe80::1]/', /link-local/],
  ['http://[febf::1]/', /link-local/],
  ['http://[fec0::1]/', /reserved/],
  ['http://[ff02::1]/', /multicast/],
  ['http://[2001:db8::1]/', /documentation/],
  ['http://[3fff::1]/', /documentation/],
  ['http://[100::1]/', /reserved/],
  ['http://[2001:20::1]/', /reserved/],
  ['http://[5f00::1]/', /reserved/],
  // Cloud metadata.
  ['http://169.254.169.254/latest/meta-data/', /metadata/],
  ['http://0xa9fea9fe/', /metadata/],
  ['http://2852039166/', /metadata/],
  ['http://[::ffff:169.254.169.254]/', /metadata/],
  ['http://[fd00:ec2::254]/', /metadata/],
  ['http://[fd20:ce::254]/', /metadata/],
  ['http://100.100.100.200/', /metadata/],
  ['http://168.63.129.16/', /metadata/],
  // User information, which makes a URL look as if it led elsewhere.
  ['http://example.com@127.0.0.1/', /user or password/],
  ['https://user:password@example.com/', /user or password/],
  ['https://:password@example.com/', /user or password/],
  ['https://token@example.com/', /user or password/],
  // Not HTTP, or no URL.
  ['ftp://example.com/', /https:\/\/ or http/],
  ['file:///etc/passwd', /https:\/\/ or http/],
  ['gopher://example.com/', /https:\/\/ or http/],
  ['unix:/var/run/docker.sock', /https:\/\/ or http/],
  ['data:text/plain,hello', /https:\/\/ or http/],
  ['javascript:alert(1)', /https:\/\/ or http/],
  ['ws://example.com/', /https:\/\/ or http/],
  ['', /cannot be read/],
  ['example.com/hook', /cannot be read/],
  ['//example.com/hook', /cannot be read/],
  ['https://', /cannot be read/],
  ['http://[fe80::1%25eth0]/', /cannot be read/],
  ['http://[fe80::1%eth0]/', /cannot be read/],
  ['http://256.256.256.256/', /cannot be read/],
  ['http://1.2.3.4.5/', /cannot be read/],
  ['http://exa mple.com/', /cannot be read/],
  ['https://example.com:99999/', /cannot be read/],
  ['https://example.com:0/', /port 0/],
  ['http://./', /names no host/],
  [`https://example.com/${'x'.repeat(2_000)}`, /more than 2000/],
];

/** Nothing can be said against them before their name is resolved. */
const NOT_REFUSED: readonly string[] = [
  'https://example.com/hook?a=1',
  'http://example.com:8080/',
  'https://EXAMPLE.com./',
  'https://bücher.example/',
  'https://xn--bcher-kva.example/',
  'http://localhost.example.com/',
  'http://notlocalhost/',
  'http://127.0.0.1.nip.io/',
  'http://example.com\\@127.0.0.1/',
  'http://example.com#@127.0.0.1/',
  'http://example.com/?@127.0.0.1/',
  'http://8.8.8.8/',
  'http://134744072/',
  'http://172.15.255.255/',
  'http://172.32.0.1/',
  'http://100.63.255.255/',
  'http://100.128.0.1/',
  'http://169.253.255.255/',
  'http://[2606:4700:4700::1111]/',
  'http://[::ffff:8.8.8.8]/',
  'http://[64:ff9b::8.8.8.8]/',
];

describe('the URL of a destination', () => {
  it.each(REFUSED)('%j is refused', (url, because) => {
    expect(guard.checkUrl(url)).toMatch(because);
  });

  it.each(NOT_REFUSED)('%j is not refused', (url) => {
    expect(guard.checkUrl(url)).toBeNull();
  });

  it('may lead to what DELIVERY_ALLOW_NETWORKS contains, and to nothing beside it', () => {
    const { checkUrl } = createAddressGuard({ allow: ['10.1.0.0/16', '127.0.0.1', 'fd00:1::/32'] });
    const allowed = ['http://10.1.2.3/', 'http://127.0.0.1/', 'http://localhost/', 'http://[::ffff:10.1.2.3]/'];
    const alsoAllowed = ['http://[64:ff9b::10.1.2.3]/', 'http://[fd00:1::1]/'];
    for (const url of [...allowed, ...alsoAllowed]) expect(checkUrl(url), url).toBeNull();
    const refused = ['http://10.2.0.1/', 'http://127.0.0.2/', 'http://[::1]/', 'http://[fd00:2::1]/'];
    for (const url of refused) expect(checkUrl(url), url).toMatch(/DELIVERY_ALLOW_NETWORKS/);
  });
});

it.each(['', 'localhost', '10.1', '0x7f000001', 'fe80::1%eth0', '::ffff:10.0.0.1%1'])(
  '%j is no good address',
  (address) => {
    expect(guard.checkAddress(address)).not.toBeNull();
  },
);

/** A resolver that knows these names; of each the answers come one after the other, the last again and again. */
function names(answers: Readonly<Record<string, readonly (readonly string[])[]>>) {
  const asked: string[] = [];
  const resolve: Resolve = (hostname, _, callback) => {
    const all = answers[hostname] ?? [];
    const times = asked.filter((name) => name === hostname).length;
    asked.push(hostname);
    const addresses = all[Math.min(times, all.length - 1)];
    if (addresses === undefined) callback(Object.assign(new Error('unknown'), { code: 'ENOTFOUND' }), []);
    else
      callback(
        null,
        addresses.map((address): LookupAddress => ({ address, family: isIP(address) })),
      );
  };
  return { resolve, asked };
}

describe('a name', () => {
  const look = (lookup: LookupFunction, all: boolean) =>
    new Promise<unknown>((done, fail) => {
      lookup('name.example', { all }, (error, address) => (error === null ? done(address) : fail(error)));
    });
  const lookUp = (addresses: readonly string[], all = true) =>
    look(createAddressGuard({ allow: [], ...names({ 'name.example': [addresses] }) }).lookup, all);

  it.each([
    ['127.0.0.1'],
    ['10.0.0.7'],
    ['169.254.169.254'],
    ['::1'],
    ['fe80::1%eth0'],
    ['::ffff:192.168.1.1'],
    ['64:ff9b::7f00:1'],
    ['fd00:ec2::254'],
  ])('that resolves to %s is refused', async (address) => {
    for (const all of [true, false]) await expect(lookUp([address], all)).rejects.toThrow(ForbiddenAddressError);
  });

  it('that resolves to good and bad addresses leads to the good ones only', async () => {
    expect(await lookUp(['10.0.0.1', '8.8.8.8', '::1'])).toEqual([{ address: '8.8.8.8', family: 4 }]);
    expect(await lookUp(['10.0.0.1', '8.8.8.8'], false)).toBe('8.8.8.8');
  });

  it('that does not resolve fails as such', async () => {
    const unknown = createAddressGuard({ allow: [], ...names({}) });
    await expect(look(unknown.lookup, true)).rejects.toThrow(ResolveError);
    await expect(lookUp([])).rejects.toThrow(ResolveError);
  });
});

describe('a connection', () => {
  const open: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
  });

  async function receiver(host: string): Promise<Receiver> {
    const started = await startReceiver({ host });
    open.push(started);
    return started;
  }
  function sender(allow: readonly string[], resolve?: Resolve): Sender {
    const made = createSender({ guard: createAddressGuard({ allow, ...(resolve === undefined ? {} : { resolve }) }) });
    open.push(made);
    return made;
  }
  const send = (via: Sender, url: string): Promise<SendResult> =>
    via.send({ url, headers: {}, body: Buffer.from('{}'), timeoutMs: 5_000, signal: new AbortController().signal });
  const FORBIDDEN = { kind: 'failure', failure: 'forbidden_address' };
  const ANSWERED = { kind: 'answer', answer: { status: 204 } };

  it.each(['127.0.0.1', '::1'])('to a listener on %s is made only if that is allowed', async (host) => {
    const listener = await receiver(host);
    const through = (name: string) => listener.url.replace(/\/\/.*:/, `//${name}:`);
    const { resolve } = names({ 'inner.example': [[host]] });
    for (const url of [listener.url, through('localhost'), through('inner.example')]) {
      expect(await send(sender([], resolve), url), url).toMatchObject(FORBIDDEN);
    }
    expect(listener.connections()).toBe(0);
    for (const url of [listener.url, through('inner.example')]) {
      expect(await send(sender([host], resolve), url), url).toMatchObject(ANSWERED);
    }
    expect(listener.received).toHaveLength(2);
  });

  it('goes to the very address that was judged, and is judged each time anew', async () => {
    const good = await receiver('127.0.0.1');
    // 127.0.0.1 stands in for a public address here; the other one is not allowed, and has a listener on the same port.
    const { resolve, asked } = names({
      'rebinding.example': [['127.0.0.1'], ['127.0.0.2'], ['127.0.0.2', '127.0.0.1']],
    });
    const via = sender(['127.0.0.1'], resolve);
    const url = `http://rebinding.example:${good.port}/hook`;
    // Without keep-alive: each request resolves the name again.
    good.behave((response) => response.writeHead(204, { connection: 'close' }).end());
    expect(await send(via, url)).toMatchObject(ANSWERED);
    expect(await send(via, url)).toMatchObject(FORBIDDEN);
    expect(await send(via, url)).toMatchObject(ANSWERED);
    expect(asked).toEqual(['rebinding.example', 'rebinding.example', 'rebinding.example']);
    expect(good.received.map(({ headers }) => headers.host)).toEqual(Array(2).fill(`rebinding.example:${good.port}`));
  });

  it('tells a name that does not exist from one that is forbidden', async () => {
    const { resolve } = names({});
    expect(await send(sender([], resolve), 'http://nowhere.example/')).toMatchObject({
      kind: 'failure',
      failure: 'dns',
      error: expect.stringContaining('ENOTFOUND'),
    });
  });
});
