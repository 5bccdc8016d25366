/** The request path behind HTTP: verify, parse, ask the seen store, wait for the commit. One way through, no way back. */
import { payloadBytes, type VerifiedRequest } from '../core/event.ts';
import type { Clock, SeenStore } from '../core/ports.ts';
import type { SignatureFailure, Verification } from '../core/provider.ts';
import { rowId } from '../core/row-id.ts';
import type { Source } from '../core/source.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { BatchWriter } from './batch-writer.ts';
import type { Lease } from './byte-budget.ts';
import { LookUps } from './look-ups.ts';

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
  const lookUps = new LookUps(options.seen);
  return async (webhook) => {
    const { lease } = webhook;
    const source = webhook.source.name;
    // Until the writer has it the body is ours: also a defect must not use up the byte budget for ever.
    let ours = true;
    try {
      const verification = verify(webhook, options);
      if (!verification.ok) return verification;
      const request = toRequest(webhook, verification.secret);
      lease.grow(payloadBytes(request.events));
      const found = request.events.length;
      const known = lookUps.allKnown(request.events);
      if (known !== null && (await known)) {
        metrics.events.inc({ source, result: 'duplicate' }, found);
        return { ok: true, accepted: 'duplicate' };
      }
      ours = false;
      const newEvents = await writer.submit(request, lease);
      if (newEvents > 0) metrics.events.inc({ source, result: 'new' }, newEvents);
      if (newEvents < found) {
        lookUps.foundDuplicate();
        metrics.events.inc({ source, result: 'duplicate' }, found - newEvents);
      }
      return { ok: true, accepted: newEvents > 0 ? 'stored' : 'duplicate' };
    } finally {
      if (ours) lease.release();
    }
  };
}

function verify(
  { source, body, headers, receivedAt }: IncomingWebhook,
  { metrics, clock }: ReceiverOptions,
): Verification {
  const verification = source.provider.verify({
    body,
    header: headerText(headers[source.provider.signatureHeader]),
    secrets: source.secrets,
    now: clock(),
    toleranceSeconds: source.toleranceSeconds,
  });
  if (verification.ok) {
    metrics.signatureMatches.inc({ source: source.name, secret: verification.secret });
    metrics.lastVerified.set({ source: source.name }, Math.floor(receivedAt.getTime() / 1000));
  }
  return verification;
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
    events: events.map((event) => ({ id: rowId(), source: source.name, ...event })),
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

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}
