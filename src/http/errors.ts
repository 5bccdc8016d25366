/** The one table from a kind of refusal to its status, and the one form in which every error is answered. */
import type { RefusalDetail, RefusalKind } from '../core/errors.ts';

export type ErrorCode = RefusalKind | 'method_not_allowed' | 'headers_too_large' | 'internal_error';

export const STATUS: Readonly<Record<ErrorCode, number>> = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  too_slow: 408,
  conflict: 409,
  too_large: 413,
  unsupported_media_type: 415,
  rate_limited: 429,
  headers_too_large: 431,
  internal_error: 500,
  overloaded: 503,
  unavailable: 503,
};

/** Seconds after which a provider may try again, on 503. */
export const RETRY_AFTER = '5';

export interface ErrorBody {
  readonly error: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly requestId: string;
    readonly details?: readonly RefusalDetail[];
  };
}

export function errorBody(
  code: ErrorCode,
  message: string,
  requestId: string,
  details: readonly RefusalDetail[] = [],
): ErrorBody {
  return { error: { code, message, requestId, ...(details.length === 0 ? {} : { details }) } };
}
