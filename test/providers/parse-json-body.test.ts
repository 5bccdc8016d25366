import { expect, it } from 'vitest';
import type { ParsedEvent } from '../../src/core/event.ts';
import { MAX_EVENTS, parseJsonBody } from '../../src/providers/parse-json-body.ts';
import { sha256 } from './expected-sha.ts';

const body = Buffer.from('{"a":1}');
const event = (dedupeKey: string): ParsedEvent => ({
  type: 'a.b',
  dedupeKey,
  subject: null,
  occurredAt: null,
  payload: null,
});

it('asks for one event more than a body may have, and for no further ones', () => {
  let asked = 0;
  function* endless() {
    for (;;) {
      asked++;
      yield event(String(asked));
    }
  }
  expect(parseJsonBody(body, endless)).toEqual([
    { type: 'unknown', dedupeKey: `body:${sha256(body)}`, subject: null, occurredAt: null, payload: null },
  ]);
  expect(asked).toBe(MAX_EVENTS + 1);
});

it('gives the first of those with the same key', () => {
  const [one, other] = [event('x'), { ...event('x'), type: 'c.d' }];
  expect(parseJsonBody(body, () => [one, other])).toEqual([one]);
});

it('gives the whole body where nothing is found, and its bytes where something throws', () => {
  expect(parseJsonBody(body, () => [])).toEqual([
    { ...event(`body:${sha256(body)}`), type: 'unknown', payload: '{"a":1}' },
  ]);
  const failing = () => {
    throw new RangeError('too much');
  };
  expect(parseJsonBody(body, failing)).toEqual([{ ...event(`body:${sha256(body)}`), type: 'unknown' }]);
});
