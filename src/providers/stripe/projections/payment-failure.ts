/** Why a payment failed: of all its failures the last one stays, whatever came of the payment. */
import { isObject, type JsonObject, own } from '../../../core/json.ts';
import type { ProjectionRow } from '../../../core/projection.ts';
import { type Columns, readColumns, text } from './columns.ts';
import type { Memory } from './object-table.ts';
import type { SeenEvent } from './snapshot.ts';

const outcome = text('outcome.reason');

export const failureColumns: Columns = {
  // Of an intent, of a charge, of a refund.
  failure_code: text('last_payment_error.code', 'failure_code', 'failure_reason'),
  decline_code: { type: 'text', read: declineCode },
  failure_message: text('last_payment_error.message', 'failure_message'),
};

export const failureMemory: Memory = {
  columns: { failed_at: 'timestamptz' },
  remember(row, seen) {
    const before = row !== null && row['failed_at'] instanceof Date ? row : null;
    const failure = failureOf(seen);
    if (before === null || (failure !== null && isNewer(failure, before))) return failure ?? { failed_at: null };
    const names = ['failed_at', ...Object.keys(failureColumns)];
    return Object.fromEntries(names.map((name) => [name, before[name] ?? null]));
  },
};

/** `charge.failed`, `payment_intent.payment_failed`, `refund.failed`: a status alone does not say when. */
function failureOf({ type, created, object }: SeenEvent): ProjectionRow | null {
  if (!type.endsWith('failed') || created === 0) return null;
  return { failed_at: new Date(created * 1000), ...readColumns(failureColumns, object) };
}

/** Of two failures in one second either may be the last: it must always be the same one. */
function isNewer(one: ProjectionRow, other: ProjectionRow): boolean {
  const difference = Number(one['failed_at']) - Number(other['failed_at']);
  return difference === 0 ? words(one) > words(other) : difference > 0;
}

function words(failure: ProjectionRow): string {
  return JSON.stringify(Object.keys(failureColumns).map((name) => failure[name] ?? null));
}

/** A charge has it as the outcome's reason, which also says why a charge that did not fail is a risk. */
function declineCode(object: JsonObject): unknown {
  const error = own(object, 'last_payment_error');
  if (isObject(error)) return ofError.read(error);
  return own(object, 'status') === 'failed' ? outcome.read(object) : null;
}

const ofError = text('decline_code');
