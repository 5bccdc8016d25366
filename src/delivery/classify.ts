/** What an answer, or the lack of one, means for the delivery and for its destination. */
import type { AttemptAnswer, AttemptFailure } from '../core/delivery.ts';
import { retryAfterMs } from './retry-after.ts';

/** How an attempt ended. */
export interface Verdict {
  /** Null: delivered. */
  readonly failure: AttemptFailure | null;
  /** For people; nothing of a body, a secret or a header. */
  readonly error: string | null;
  readonly destinationHealthy: boolean | null;
  /** Why the destination is to be paused at once. */
  readonly pause: string | null;
  /** Milliseconds that the receiver asks for; null if it says nothing. */
  readonly retryAfterMs: number | null;
  /** Trying again cannot help. */
  readonly final: boolean;
}

/**
 * Refusals of one event, as it seems: the body is not to the receiver's liking (400, 413, 415, 422), or at odds with what it
 * has (409). They speak neither for nor against the destination. All other ones do: who answers 401, 403, 404 or 405 does so
 * whatever the event, since the URL or the credentials are wrong.
 */
const ABOUT_THE_EVENT: ReadonlySet<number> = new Set([400, 409, 413, 415, 422]);

export const DELIVERED: Verdict = {
  failure: null,
  error: null,
  destinationHealthy: true,
  pause: null,
  retryAfterMs: null,
  final: false,
};

export function judgeAnswer({ status, headers }: AttemptAnswer, now: Date): Verdict {
  if (status >= 200 && status < 300) return DELIVERED;
  const verdict = {
    pause: null,
    final: false,
    error: `the answer was ${status}`,
    retryAfterMs: retryAfterMs(headers['retry-after'], now),
  };
  if (status >= 300 && status < 400) {
    const error = `the answer was ${status}, and redirects are not followed: set the URL to where it leads`;
    return { ...verdict, error, failure: 'redirect', destinationHealthy: false };
  }
  if (status === 410) {
    const pause = 'it answered 410 Gone';
    return { ...verdict, failure: 'gone', destinationHealthy: false, pause };
  }
  return { ...verdict, failure: 'status', destinationHealthy: ABOUT_THE_EVENT.has(status) ? null : false };
}

/**
 * Without an answer. What can be read off the delivery alone (`no_content`) says nothing of the destination; a connection
 * that fails, a name, a certificate, an address or a key does: the next delivery there would fail as well.
 */
export function judgeFailure(failure: AttemptFailure, error: string): Verdict {
  const ofDelivery = failure === 'no_content';
  return {
    failure,
    error,
    destinationHealthy: ofDelivery ? null : false,
    pause: null,
    retryAfterMs: null,
    final: ofDelivery,
  };
}

/** An event of the gateway's own for a destination that signs as a provider does: one of a provider's may well arrive there. */
export const UNSIGNABLE: Verdict = {
  ...judgeFailure('no_key', 'events of the gateway are not signed as a provider signs: the signing has to be standard'),
  destinationHealthy: null,
  final: true,
};
