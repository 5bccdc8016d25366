/** Says why Redis did not do something, in words that are fit for a log. */

/**
 * The code of a network or TLS error, else the message. ioredis' errors carry the arguments of their command, and a
 * server that does not know AUTH repeats them in its complaint: neither is passed on.
 */
export function errorReason(error: unknown, password = ''): string {
  if (!(error instanceof Error)) return 'unknown';
  if ('code' in error && typeof error.code === 'string') return error.code;
  const message = error.message.split(', with args')[0] ?? '';
  return password === '' ? message : message.replaceAll(password, '***');
}

/** True if Redis itself answered with an error (READONLY, OOM, NOPERM), false if the connection failed. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}
