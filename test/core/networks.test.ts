import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseNetworks } from '../../src/core/networks.ts';

describe('networks', () => {
  it.each([
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['192.0.2.7', '192.0.2.7', true],
    ['192.0.2.7', '192.0.2.8', false],
    ['172.16.0.0/12', '172.31.255.255', true],
    ['172.16.0.0/12', '172.32.0.0', false],
    ['2001:db8::/32', '2001:db8:1::1', true],
    ['2001:db8::/32', '2001:db9::1', false],
    ['::1', '::1', true],
    ['::1', '0:0:0:0:0:0:0:1', true],
    ['::1', '127.0.0.1', false],
    ['0.0.0.0/0', '203.0.113.9', true],
    ['0.0.0.0/0', '2001:db8::1', false],
  ])('%s contains %s: %s', (network, address, contained) => {
    expect(parseNetworks([network]).contains(address)).toBe(contained);
  });

  it('takes an IPv4 address that arrives on an IPv6 socket for what it is', () => {
    expect(parseNetworks(['127.0.0.0/8']).contains('::ffff:127.0.0.1')).toBe(true);
    expect(parseNetworks(['::ffff:192.0.2.7']).contains('192.0.2.7')).toBe(true);
    expect(parseNetworks(['192.0.2.7']).contains('::ffff:192.0.2.8')).toBe(false);
  });

  it('contains nothing if there is no network, and never what is no address', () => {
    expect(parseNetworks([]).contains('127.0.0.1')).toBe(false);
    const everything = parseNetworks(['0.0.0.0/0', '::/0']);
    for (const text of ['', 'localhost', '127.0.0.1, 10.0.0.1', '127.0.0.1:80', 'unix:']) {
      expect(everything.contains(text), text).toBe(false);
    }
  });

  it.each(['10.1', '10', '10.0.0.0/33', '10.0.0.0/', '::1/129', 'localhost', '10.0.0.1-10.0.0.9', '0x7f.0.0.1', ''])(
    'refuses %j by name',
    (entry) => {
      expect(() => parseNetworks(['127.0.0.1', entry])).toThrow(RangeError);
      expect(() => parseNetworks(['127.0.0.1', entry])).toThrow(`"${entry}" is neither an address nor a CIDR range`);
    },
  );

  it('contains exactly the addresses that share the prefix', () => {
    const address = fc.nat(0xff_ff_ff_ff);
    fc.assert(
      fc.property(address, address, fc.integer({ min: 0, max: 32 }), (network, candidate, bits) => {
        const shares = bits === 0 || network >>> (32 - bits) === candidate >>> (32 - bits);
        const networks = parseNetworks([`${dotted(network)}/${bits}`]);
        expect(networks.contains(dotted(candidate))).toBe(shares);
        expect(networks.contains(`::ffff:${dotted(candidate)}`)).toBe(shares);
      }),
    );
  });
});

function dotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
}
