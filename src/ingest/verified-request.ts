/** Makes the request that is stored: from a webhook whose signature is right, or from a record of the spool. */
import type { VerifiedRequest } from '../core/event.ts';
import type { Provider } from '../core/provider.ts';
import { eventRowId } from '../core/row-id.ts';
import type { SpooledRequest } from '../core/spool.ts';
import type { IncomingWebhook } from './receive.ts';

/** @param secret position of the one that matched */
export function requestFromWebhook(webhook: IncomingWebhook, secret: number): VerifiedRequest {
  const { source, requestId, receivedAt, body } = webhook;
  const events = source.provider.parse({ body, requestId, receivedAt });
  return {
    id: requestId,
    source: source.name,
    provider: source.provider.name,
    receivedAt,
    headers: keptHeaders(webhook),
    body,
    secret,
    events: events.map((event, index) => ({ id: eventRowId(requestId, index), source: source.name, ...event })),
  };
}

/**
 * The signature was checked before it was spooled. The events are found anew and get the ids that they had: by their keys
 * and not by their places, since this build may find others than the one that spooled it.
 */
export function requestFromSpool(spooled: SpooledRequest, provider: Provider): VerifiedRequest {
  const { eventIds, ...request } = spooled;
  const { id: requestId, body, receivedAt, source } = request;
  const events = provider.parse({ body, requestId, receivedAt });
  return {
    ...request,
    events: events.map((event, index) => {
      return { id: eventIds.get(event.dedupeKey) ?? eventRowId(requestId, index), source, ...event };
    }),
  };
}

const KEPT_HEADERS = ['content-type', 'user-agent', 'x-request-id', 'x-forwarded-for'];

/** The headers worth keeping with the bytes; never authorization or cookie. */
function keptHeaders({ headers, source }: IncomingWebhook): Record<string, string> {
  const kept: Record<string, string> = {};
  const keep = (name: string) => {
    const value = headerText(headers[name]);
    if (value !== undefined) kept[name] = value;
  };
  for (const name of KEPT_HEADERS) keep(name);
  keep(source.provider.signatureHeader);
  return kept;
}

export function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}
