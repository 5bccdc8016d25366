/** When a delivery that failed is tried again, and when nobody tries any longer. */
import type { AttemptReport } from '../core/delivery.ts';

/** Each delay is lengthened or shortened by up to this part, so that what failed together does not come back together. */
const JITTER = 0.1;

export interface RetryInput {
  /** Seconds before each further attempt. */
  readonly schedule: readonly number[];
  /** Of the attempt that failed, from 1. */
  readonly number: number;
  /** What the receiver asks for; counts only if it is later than the schedule. */
  readonly retryAfterMs: number | null;
  /** From 0 to 1. */
  readonly random: number;
}

export function nextAttempt({ schedule, number, retryAfterMs, random }: RetryInput): AttemptReport['next'] {
  const seconds = schedule[number - 1];
  if (seconds === undefined) return { state: 'dead' };
  const delay = Math.round(seconds * 1000 * (1 + JITTER * (2 * random - 1)));
  return { state: 'pending', inMs: Math.max(delay, retryAfterMs ?? 0) };
}
