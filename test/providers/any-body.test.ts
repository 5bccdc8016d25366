import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ParsedEvent } from '../../src/core/event.ts';
import { providers } from '../../src/providers/index.ts';
import { anyBody } from './any-body.ts';

describe.each(Object.values(providers))('any body given to $name', (provider) => {
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
        for (const event of events) expectStorable(event);
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

function expectStorable({ type, dedupeKey, subject, occurredAt, payload }: ParsedEvent): void {
  expect(dedupeKey).toMatch(/^[!-~]{1,2000}$/);
  expect(type).toMatch(/^[A-Za-z0-9_.[\]-]{1,200}$/);
  expect(Buffer.from(subject ?? '').toString()).toBe(subject ?? '');
  expect(Buffer.byteLength(subject ?? '')).toBeLessThanOrEqual(200);
  const year = (occurredAt ?? new Date()).getUTCFullYear();
  expect(year).toSatisfy(() => year >= 2000 && year <= 2100);
  expect(() => JSON.parse(payload ?? 'null')).not.toThrow();
}
