import { describe, expect, it } from 'vitest';
import { ATTEMPT_FAILURES } from '../../src/core/delivery.ts';
import { judgeAnswer, judgeFailure } from '../../src/delivery/classify.ts';

const NOW = new Date('2026-11-20T10:00:00Z');
const judge = (status: number, headers: Record<string, string> = {}) =>
  judgeAnswer({ status, headers, body: Buffer.alloc(0) }, NOW);

describe('an answer', () => {
  it.each([200, 201, 202, 204, 299])('of %d delivers', (status) => {
    expect(judge(status)).toMatchObject({ failure: null, error: null, destinationHealthy: true, pause: null });
  });

  it.each([300, 301, 302, 303, 304, 307, 308])('of %d is a redirect, which is not followed', (status) => {
    expect(judge(status, { location: 'http://elsewhere/?secret' })).toMatchObject({
      failure: 'redirect',
      destinationHealthy: false,
      error: expect.not.stringContaining('elsewhere'),
    });
  });

  it('of 410 pauses the destination', () => {
    expect(judge(410)).toMatchObject({ failure: 'gone', pause: 'it answered 410 Gone', final: false });
  });

  it.each([400, 409, 413, 415, 422])('of %d refuses an event, and says nothing of the destination', (status) => {
    expect(judge(status)).toMatchObject({ failure: 'status', destinationHealthy: null, pause: null, final: false });
  });

  it.each([401, 402, 403, 404, 405, 406, 408, 421, 426, 429, 451, 500, 501, 502, 503, 504, 522, 599, 600, 999])(
    'of %d speaks against the destination',
    (status) => {
      expect(judge(status)).toMatchObject({ failure: 'status', destinationHealthy: false, pause: null, final: false });
    },
  );

  it.each([429, 503, 500, 400, 302])('of %d may say when to come back', (status) => {
    expect(judge(status, { 'retry-after': '120' }).retryAfterMs).toBe(120_000);
  });
});

describe('without an answer', () => {
  it('only missing content is beyond repair, and says nothing of the destination', () => {
    for (const failure of ATTEMPT_FAILURES) {
      const { final, destinationHealthy } = judgeFailure(failure, 'why');
      expect({ failure, final }).toEqual({ failure, final: failure === 'no_content' });
      expect({ failure, destinationHealthy }).toEqual({
        failure,
        destinationHealthy: failure === 'no_content' ? null : false,
      });
    }
  });
});
