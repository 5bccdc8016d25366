/** The request path behind HTTP: verify, parse, ask the seen store, wait for the commit. One way through, no way back. */
import { v7 as uuidv7 } from 'uuid';
import { payloadBytes, type VerifiedRequest } from '../core/event.ts';
import type { Clock, SeenStore } from '../core/ports.ts';
import type { SignatureFailure } from '../core/provider.ts';
import type { Source } from '../core/source.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { BatchWriter } from './batch-writer.ts';
import type { Lease } from './byte-budget.ts';

export interface IncomingWebhook {
  readonly source: Source;
  readonly requestId: string;
  readonly receivedAt: Date;
  /** Lower-case names; repeated headers joined as Node joins them. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  /** The body's share of the byte budget; released when nobody holds the bytes any longer. */
  readonly lease: Lease;
}

export type Received =
  /** The signature is wrong. Nothing was parsed, nothing stored. */
  | { readonly ok: false; readonly reason: SignatureFailure }
  /** Every event of the request is committed; `stored` if at least one was new. */
  | { readonly ok: true; readonly accepted: 'stored' | 'duplicate' };

export interface ReceiverOptions {
  readonly seen: SeenStore;
  readonly writer: Pick<BatchWriter, 'submit'>;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/** @throws Refusal `overloaded` or `unavailable` where the webhook could not be made durable: the provider sends it again */
export type Receive = (webhook: IncomingWebhook) => Promise<Received>;

export function createReceiver(options: ReceiverOptions): Receive {
  const { writer, metrics } = options;
  return async (webhook) => {
    const { lease } = webhook;
    const source = webhook.source.name;
    let admitted: Admitted | undefined;
    try {
      admitted = await admit(webhook, options);
    } finally {
      // Until the writer has it the body is ours: also a defect must not use up the byte budget for ever.
      if (admitted?.request === undefined) lease.release();
    }
    if (admitted.request === undefined) return admitted.answer;
    const newEvents = await writer.submit(admitted.request, lease.release);
    metrics.events.inc({ source, result: 'new' }, newEvents);
    metrics.events.inc({ source, result: 'duplicate' }, Math.max(0, admitted.request.events.length - newEvents));
    return { ok: true, accepted: newEvents > 0 ? 'stored' : 'duplicate' };
  };
}

/** A request that is to be stored, or the answer where there is nothing to store. */
type Admitted = { readonly request: VerifiedRequest } | { readonly request?: undefined; readonly answer: Received };

async function admit(webhook: IncomingWebhook, { seen, metrics, clock }: ReceiverOptions): Promise<Admitted> {
  const { source, lease } = webhook;
  const verification = source.provider.verify({
    body: webhook.body,
    header: headerOf(webhook, source.provider.signatureHeader),
    secrets: source.secrets,
    now: clock(),
    toleranceSeconds: source.toleranceSeconds,
  });
  if (!verification.ok) return { answer: verification };
  metrics.signatureMatches.inc({ source: source.name, secret: verification.secret });
  metrics.lastVerified.set({ source: source.name }, Math.floor(webhook.receivedAt.getTime() / 1000));

  const request = toRequest(webhook, verification.secret);
  lease.grow(payloadBytes(request.events));
  const keys = request.events.map(({ dedupeKey }) => ({ source: source.name, dedupeKey }));
  if (!(await seen.allKnown(keys))) return { request };
  metrics.events.inc({ source: source.name, result: 'duplicate' }, keys.length);
  return { answer: { ok: true, accepted: 'duplicate' } };
}

function toRequest(webhook: IncomingWebhook, secret: number): VerifiedRequest {
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
    events: events.map((event) => ({ id: uuidv7(), ...event })),
  };
}

const KEPT_HEADERS = ['content-type', 'user-agent', 'x-request-id', 'x-forwarded-for'];

/** The headers worth keeping with the bytes; never authorization or cookie. */
function keptHeaders(webhook: IncomingWebhook): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of [...KEPT_HEADERS, webhook.source.provider.signatureHeader]) {
    const value = headerOf(webhook, name);
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}

function headerOf(webhook: IncomingWebhook, name: string): string | undefined {
  const value = webhook.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}
