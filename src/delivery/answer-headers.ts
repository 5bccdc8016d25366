/** Of an answer's headers, those that help an operator: what they are worth keeping for, and small. Cookies never. */

const KEPT = new Set([
  'content-type',
  'content-length',
  'content-encoding',
  'date',
  'server',
  'via',
  'location',
  'retry-after',
  'allow',
  'www-authenticate',
  'x-request-id',
  'request-id',
  'x-correlation-id',
  'traceparent',
  'cf-ray',
  'x-amzn-requestid',
  'x-amz-cf-id',
  'x-cloud-trace-context',
]);

const VALUE_MAX_LENGTH = 500;

export function keptHeaders(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of KEPT) {
    const value = headers[name];
    if (value !== undefined) kept[name] = String(value).slice(0, VALUE_MAX_LENGTH);
  }
  return kept;
}
