import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves when the work has ended, well or not, and after so many milliseconds at the latest. Holds no timer afterwards. */
export async function within(milliseconds: number, work: Promise<unknown> | undefined): Promise<void> {
  const timeout = new AbortController();
  const waited = sleep(milliseconds, undefined, { signal: timeout.signal }).catch(() => undefined);
  await Promise.race([work?.catch(() => undefined), waited]);
  timeout.abort();
}
