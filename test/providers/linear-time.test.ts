/** No signed body blocks the process: the time it takes grows with its size, not with the square of it. */
import { expect, it } from 'vitest';
import { whatsapp } from '../../src/providers/whatsapp/index.ts';
import { LARGE_BODIES } from './large-bodies.ts';

const SMALL = 32 * 1024;
const GROWTH = 8;
/** As many bytes in large bodies as in small ones: a linear parser takes the same time for both, a quadratic one `GROWTH` times. */
const MOST = 3;
const ROUNDS = 4;

/** Microseconds of CPU, whatever else the machine is doing. */
function cpuTime(body: Buffer, times: number): number {
  const before = process.cpuUsage();
  for (let n = 0; n < times; n++) {
    whatsapp.parse({ body, requestId: 'r', receivedAt: new Date('2026-11-20T23:59:59Z') });
  }
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

it.each(Object.entries(LARGE_BODIES))('%s', (_, make) => {
  const small = Buffer.from(make(SMALL));
  const large = Buffer.from(make(SMALL * GROWTH));
  const rounds = Array.from({ length: ROUNDS }, () => ({
    small: cpuTime(small, GROWTH),
    large: cpuTime(large, 1),
  }));
  // The least of several: the first is compiled on the way, in others the garbage of all is collected.
  const perByte = (name: 'small' | 'large', bytes: number) => Math.min(...rounds.map((round) => round[name])) / bytes;
  expect(perByte('large', large.length) / perByte('small', GROWTH * small.length)).toBeLessThan(MOST);
});
