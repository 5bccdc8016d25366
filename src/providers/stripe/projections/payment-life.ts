/** The courses that payment intents, charges, refunds and disputes take. */
import { textOf } from '../../../core/identity.ts';
import { isObject, type JsonObject, own } from '../../../core/json.ts';
import { byStatus, type Rank } from './life-cycle.ts';

/** An intent that asks for another method of payment after one was refused. It has the status it began with. */
const FAILED = 'requires_payment_method after a failure';

/** Also of setup intents. Before 2019-02-11 two statuses had other names. */
export const furthestIntent: Rank = (seen) =>
  byStatus(
    {
      requires_source: 0,
      requires_payment_method: 0,
      requires_confirmation: 1,
      requires_source_action: 2,
      requires_action: 2,
      processing: 3,
      [FAILED]: 4,
      requires_capture: 5,
      succeeded: 6,
      canceled: 6,
    },
    (intent) => intentCourse(intent, seen.type),
  )(seen);

function intentCourse(intent: JsonObject, type: string): string | null {
  const status = textOf(own(intent, 'status')) ?? null;
  const asks = status === 'requires_payment_method' || status === 'requires_source';
  const failed = isObject(own(intent, 'last_payment_error')) || isObject(own(intent, 'last_setup_error'));
  return asks && (failed || type.endsWith('failed')) ? FAILED : status;
}

const furthestCharge = byStatus(
  { pending: 0, failed: 1, succeeded: 1, captured: 2, refunded: 3 },
  (charge: JsonObject): string | null => {
    const status = chargeStatus(charge);
    if (status !== 'succeeded') return status;
    if (Number(own(charge, 'amount_refunded') ?? 0) > 0) return 'refunded';
    return own(charge, 'captured') === true ? 'captured' : status;
  },
);

// A bank can send back what counted as refunded.
const furthestRefund = byStatus({ pending: 0, requires_action: 0, succeeded: 1, canceled: 2, failed: 2 });

// `charge_refunded` is one of the first API versions.
const furthestDispute = byStatus({
  warning_needs_response: 0,
  needs_response: 0,
  warning_under_review: 1,
  under_review: 1,
  prevented: 2,
  warning_closed: 2,
  charge_refunded: 2,
  won: 2,
  lost: 2,
});

const OF_TYPE: Readonly<Record<string, Rank>> = {
  payment_intent: furthestIntent,
  charge: furthestCharge,
  refund: furthestRefund,
  dispute: furthestDispute,
};

export const furthestPayment: Rank = (seen) => {
  const type = own(seen.object, 'object');
  return typeof type === 'string' && Object.hasOwn(OF_TYPE, type) ? (OF_TYPE[type]?.(seen) ?? null) : null;
};

/** Before 2015 charges have no status, or `paid` for one. */
export function chargeStatus(charge: JsonObject): string | null {
  const status = textOf(own(charge, 'status'));
  if (status !== undefined && status !== 'paid') return status;
  const paid = own(charge, 'paid');
  return typeof paid === 'boolean' ? (paid ? 'succeeded' : 'failed') : (status ?? null);
}
