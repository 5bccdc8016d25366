/** Waits for work, but not for ever. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves when the work is done, or after so many milliseconds; does not keep the process alive for them. */
export async function atMost(milliseconds: number, work: Promise<void>): Promise<void> {
  const done = new AbortController();
  const patience = sleep(milliseconds, undefined, { ref: false, signal: done.signal }).catch(() => undefined);
  await Promise.race([work, patience]).finally(() => done.abort());
}
