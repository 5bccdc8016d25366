/** Why a request got no answer, in a class and in a sentence that holds nothing of the URL. */
import { ForbiddenAddressError, ResolveError } from './address-guard.ts';
import type { SendFailure } from './send.ts';

/** Codes of OpenSSL's verification, of Node's TLS, and of a peer that does not speak TLS at all. */
const TLS =
  /^(?:ERR_SSL_|ERR_TLS_|CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_CA|PATH_LENGTH_|HOSTNAME_MISMATCH|EPROTO$)/;

export function sendFailure(thrown: Error): { readonly failure: SendFailure; readonly error: string } {
  const error = innermost(thrown);
  if (error instanceof ForbiddenAddressError) return { failure: 'forbidden_address', error: error.message };
  if (error instanceof ResolveError) return { failure: 'dns', error: error.message };
  const code = codeOf(error);
  if (TLS.test(code)) return { failure: 'tls', error: `no secure connection (${code})` };
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') {
    return { failure: 'timeout', error: `no connection (${code})` };
  }
  return { failure: 'connection', error: `the connection failed (${code})` };
}

/** Where several addresses were tried, the first one's error speaks for all. */
function innermost(error: Error): Error {
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return innermost(error.errors[0]);
  const known = error instanceof ForbiddenAddressError || error instanceof ResolveError;
  return !known && error.cause instanceof Error ? innermost(error.cause) : error;
}

function codeOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' && /^[A-Z0-9_]{1,60}$/.test(code) ? code : error.name;
}
