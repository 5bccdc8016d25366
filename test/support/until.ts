/** Waits for a condition, never for a time. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds between two looks: few at first, then a tenth of what has passed, since a look costs more than the wait. */
const SHORTEST = 10;
const LONGEST = 150;

/** Resolves to the first value that is neither false, null nor undefined. @throws Error naming what was waited for */
export async function until<T>(
  what: string,
  condition: () => Promise<T | false | null | undefined> | T | false | null | undefined,
  timeoutMs = 30_000,
): Promise<T> {
  const start = performance.now();
  for (;;) {
    const value = await condition();
    if (value !== false && value !== null && value !== undefined) return value;
    const waited = performance.now() - start;
    if (waited > timeoutMs) throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`);
    await sleep(Math.min(LONGEST, Math.max(SHORTEST, waited / 10)));
  }
}
