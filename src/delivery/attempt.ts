/** One attempt of a delivery, from what was leased to what is reported. */
import type { AttemptAnswer, AttemptReport, LeasedDelivery } from '../core/delivery.ts';
import type { ProviderName } from '../core/event.ts';
import type { Clock } from '../core/ports.ts';
import type { Origin } from '../core/provider.ts';
import { rowId } from '../core/row-id.ts';
import type { StreamSink } from '../core/sink.ts';
import { deliveryBody } from './body.ts';
import { DELIVERED, judgeAnswer, judgeFailure, UNSIGNABLE, type Verdict } from './classify.ts';
import { deliveryHeaders } from './headers.ts';
import { nextAttempt } from './schedule.ts';
import type { Sender } from './send.ts';
import { streamFields } from './stream-fields.ts';

export interface AttemptOptions {
  readonly sender: Sender;
  /** Null without `REDIS_URL`. */
  readonly sink: StreamSink | null;
  readonly origins: Readonly<Record<ProviderName, Origin>>;
  /** Value of `user-agent`. */
  readonly userAgent: string;
  /** UUID of the worker. */
  readonly owner: string;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
}

export type AttemptResult =
  | { readonly kind: 'report'; readonly report: AttemptReport }
  /** Given up before anything was sent: the lease can go back unused. */
  | { readonly kind: 'unsent' }
  /** Given up while the receiver may have had it: nobody knows, and the lease has to run out. */
  | { readonly kind: 'unknown' };

/** Makes one attempt. Never rejects. */
export type Attempt = (delivery: LeasedDelivery, signal: AbortSignal) => Promise<AttemptResult>;

interface Outcome {
  readonly verdict: Verdict;
  readonly answer: AttemptAnswer | null;
}

export function createAttempt(options: AttemptOptions): Attempt {
  const { clock, owner, random } = options;
  return async (delivery, signal) => {
    const startedAt = clock();
    const start = performance.now();
    const outcome = await attempt(delivery, signal, options).catch(unforeseen);
    if (outcome === 'unsent' || outcome === 'unknown') return { kind: outcome };
    const { verdict, answer } = outcome;
    const number = delivery.attempts + 1;
    const report: AttemptReport = {
      id: rowId(),
      owner,
      deliveryId: delivery.id,
      destinationId: delivery.destination.id,
      number,
      startedAt,
      durationMs: Math.round(performance.now() - start),
      answer,
      failure: verdict.failure,
      error: verdict.error,
      next: nextOf(verdict, delivery.destination.retrySchedule, number, random()),
      destinationHealthy: verdict.destinationHealthy,
      probe: delivery.probe,
      retryAfterMs: verdict.retryAfterMs,
      pause: verdict.pause,
    };
    return { kind: 'report', report };
  };
}

function nextOf(verdict: Verdict, schedule: readonly number[], number: number, random: number): AttemptReport['next'] {
  if (verdict.failure === null) return { state: 'delivered' };
  if (verdict.final) return { state: 'dead' };
  return nextAttempt({ schedule, number, retryAfterMs: verdict.retryAfterMs, random });
}

async function attempt(
  delivery: LeasedDelivery,
  signal: AbortSignal,
  { sender, sink, origins, userAgent, clock }: AttemptOptions,
): Promise<Outcome | 'unsent' | 'unknown'> {
  if (signal.aborted) return 'unsent';
  if (delivery.undecryptable !== null) return failed('no_key', delivery.undecryptable);
  const { destination } = delivery;
  const origin = origins[delivery.provider];
  const body = deliveryBody(delivery, origin);
  if (body === null) return failed('no_content', `what the format ${destination.format} is made of is not there`);
  if (destination.target.kind === 'redis_stream') {
    if (sink === null) return failed('sink', 'REDIS_URL is not set in the process that delivers');
    const { stream, maxLength } = destination.target;
    const result = await sink.append({ stream, maxLength, fields: streamFields(delivery, body.bytes) });
    return result.ok ? { verdict: DELIVERED, answer: null } : failed('sink', result.reason);
  }
  if (destination.signing === 'provider' && origin.signatureHeader === null)
    return { verdict: UNSIGNABLE, answer: null };
  const made = deliveryHeaders({ delivery, body, provider: origin, userAgent, now: clock() });
  if ('fault' in made) return failed('no_key', made.fault);
  const { url } = destination.target;
  const request = { url, headers: made.headers, body: body.bytes, timeoutMs: destination.timeoutMs, signal };
  const result = await sender.send(request);
  switch (result.kind) {
    case 'answer':
      return { verdict: judgeAnswer(result.answer, clock()), answer: result.answer };
    case 'failure':
      return failed(result.failure, result.error);
    case 'aborted':
      return result.sent ? 'unknown' : 'unsent';
  }
}

function failed(...[failure, error]: Parameters<typeof judgeFailure>): Outcome {
  return { verdict: judgeFailure(failure, error), answer: null };
}

/** A defect of ours. Its message may hold anything, so only its kind is told; it is tried again, for a new release may know better. */
function unforeseen(error: unknown): Outcome {
  const name = error instanceof Error ? error.name : 'unknown';
  return {
    verdict: { ...judgeFailure('no_content', `the attempt failed by itself (${name})`), final: false },
    answer: null,
  };
}
