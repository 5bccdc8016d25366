import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { origins } from '../../src/providers/index.ts';
import { unstorableColumns } from '../support/storable.ts';
import { anyBody } from './any-body.ts';

describe.each(Object.values(origins))('any body given to $name', (provider) => {
  const parse = (body: Buffer) =>
    provider.parse({
      body,
      requestId: '019b5f6a-7c3e-7000-8000-000000000001',
      receivedAt: new Date('2026-11-20T23:59:59Z'),
    });

  it('becomes events that can be stored: safe keys, no two the same, safe columns', () => {
    fc.assert(
      fc.property(anyBody, (body) => {
        const events = parse(body);
        expect(events.length).toBeGreaterThan(0);
        expect(new Set(events.map(({ dedupeKey }) => dedupeKey)).size).toBe(events.length);
        for (const event of events) expect(unstorableColumns(event)).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });

  it('becomes the same events every time', () => {
    fc.assert(
      fc.property(anyBody, (body) => {
        expect(parse(Buffer.from(body))).toEqual(parse(body));
      }),
    );
  });
});
