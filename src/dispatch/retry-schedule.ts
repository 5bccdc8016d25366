/** When an event whose projection failed is tried again, and when nobody tries any longer. */
import type { ClaimedMark, ProjectionFailure } from '../core/dispatch.ts';

/** Milliseconds to wait after the first failed attempt, the second and so on. After one more the event is parked. */
export const RETRY_DELAYS: readonly number[] = [1, 5, 30, 120, 600, 1_800, 3_600].map((seconds) => seconds * 1000);

/** @param error nothing of the payload */
export function failureOf(mark: ClaimedMark, error: string, delays: readonly number[]): ProjectionFailure {
  return {
    eventId: mark.eventId,
    attempts: mark.attempts + 1,
    error,
    retryInMs: delays[mark.attempts] ?? null,
  };
}
