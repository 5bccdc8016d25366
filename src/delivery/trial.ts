/** Trial deliveries: a sample of the provider's, sent as any other delivery would be, with a header that says what it is. */
import { randomUUID } from 'node:crypto';
import type { LeasedDelivery } from '../core/delivery.ts';
import { Refusal } from '../core/errors.ts';
import type { ProviderName } from '../core/event.ts';
import type { Clock } from '../core/ports.ts';
import type { Origin } from '../core/provider.ts';
import { rowId } from '../core/row-id.ts';
import type { SendTrial, TrialSample } from '../core/trial-delivery.ts';
import type { Attempt } from './attempt.ts';

/** On trial deliveries only, so that no receiver need take them for real. */
const TRIAL_HEADER = 'x-gateway-test';
/** Milliseconds: somebody waits for the answer. */
const MAX_TIMEOUT = 30_000;

export interface TrialOptions {
  readonly attempt: Attempt;
  readonly origins: Readonly<Record<ProviderName, Origin>>;
  readonly clock: Clock;
}

export function createTrialSender({ attempt, origins, clock }: TrialOptions): SendTrial {
  return async ({ destination, undecryptable }, sample) => {
    const timeoutMs = Math.min(MAX_TIMEOUT, destination.timeoutMs);
    const headers = { ...destination.headers, [TRIAL_HEADER]: 'true' };
    const delivery: LeasedDelivery = {
      ...sampleDelivery(origins[sample.provider], sample, clock()),
      destination: { ...destination, headers, timeoutMs },
      undecryptable,
    };
    const result = await attempt(delivery, new AbortController().signal);
    if (result.kind !== 'report') throw new Refusal('unavailable', 'the gateway is stopping');
    const { durationMs, answer, failure, error } = result.report;
    return { durationMs, answer, failure, error };
  };
}

function sampleDelivery(
  origin: Origin,
  { type }: TrialSample,
  now: Date,
): Omit<LeasedDelivery, 'destination' | 'undecryptable'> {
  const requestId = rowId();
  const body = sampleBody(origin, type, now);
  const [parsed] = origin.parse({ body, requestId, receivedAt: now });
  return {
    id: rowId(),
    source: origin.name,
    provider: origin.name,
    receivedAt: now,
    event: parsed === undefined ? null : { ...parsed, id: rowId() },
    request: { id: requestId, headers: { 'content-type': 'application/json' }, body },
    attempts: 0,
    replay: false,
    probe: false,
    places: 1,
  };
}

function sampleBody(origin: Origin, type: string | undefined, now: Date): Buffer {
  try {
    return origin.sample({ type, unique: randomUUID().replaceAll('-', ''), now });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Refusal('bad_request', 'there is no sample of this type', [{ path: 'type', message: error.message }]);
  }
}
