import { describe, expect, it } from 'vitest';
import { whatsapp } from '../../../src/providers/whatsapp/index.ts';

const good = { 'hub.mode': 'subscribe', 'hub.verify_token': 'two', 'hub.challenge': '1158201444' };
const handshake = (query: Record<string, unknown>) => whatsapp.handshake?.(query, ['one', 'two']);

describe('the handshake', () => {
  it('answers the challenge to any of the tokens', () => {
    expect(handshake(good)).toEqual({ ok: true, challenge: '1158201444' });
    expect(handshake(Object.assign(Object.create(null), good))).toEqual({ ok: true, challenge: '1158201444' });
    expect(handshake({ ...good, 'hub.challenge': 'x'.repeat(1_000) })).toMatchObject({ ok: true });
  });

  it('refuses other tokens', () => {
    for (const token of ['', 'three', 'tw', 'two ', 'one,two']) {
      expect(handshake({ ...good, 'hub.verify_token': token })).toEqual({ ok: false, reason: 'wrong_token' });
    }
    expect(whatsapp.handshake?.(good, [])).toEqual({ ok: false, reason: 'wrong_token' });
  });

  it.each(['hub.mode', 'hub.verify_token', 'hub.challenge'] as const)(
    'is malformed if %s is missing or repeated',
    (name) => {
      const { [name]: value, ...others } = good;
      expect(handshake(others)).toEqual({ ok: false, reason: 'malformed' });
      expect(handshake({ ...good, [name]: [value, value] })).toEqual({ ok: false, reason: 'malformed' });
    },
  );

  it('is malformed with another mode or an absurd challenge', () => {
    for (const odd of [
      { 'hub.mode': 'unsubscribe' },
      { 'hub.challenge': '' },
      { 'hub.challenge': 'x'.repeat(1_001) },
    ]) {
      expect(handshake({ ...good, ...odd })).toEqual({ ok: false, reason: 'malformed' });
    }
  });

  it('reads own parameters only', () => {
    expect(handshake(Object.create(good))).toEqual({ ok: false, reason: 'malformed' });
  });
});
