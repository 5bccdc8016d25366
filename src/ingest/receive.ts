/** The request path behind HTTP: verify, parse, ask the seen store, make durable. One way through, no way back. */
import { payloadBytes } from '../core/event.ts';
import type { Clock, SeenStore } from '../core/ports.ts';
import type { SignatureFailure, Verification } from '../core/provider.ts';
import type { Source } from '../core/source.ts';
import type { Accepted, Metrics } from '../observability/metrics.ts';
import type { Lease } from './byte-budget.ts';
import type { Keep } from './keep.ts';
import { LookUps } from './look-ups.ts';
import { headerText, requestFromWebhook } from './verified-request.ts';

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
  /** Every event of the request is committed, `stored` if at least one was new; or the request is `spooled`. */
  | { readonly ok: true; readonly accepted: Accepted };

export interface ReceiverOptions {
  readonly seen: SeenStore;
  readonly keep: Keep;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/** @throws Refusal `overloaded` or `unavailable` where the webhook could not be made durable: the provider sends it again */
export type Receive = (webhook: IncomingWebhook) => Promise<Received>;

export function createReceiver(options: ReceiverOptions): Receive {
  const { keep, metrics } = options;
  const lookUps = new LookUps(options.seen);
  return async (webhook) => {
    const { lease } = webhook;
    const source = webhook.source.name;
    try {
      const verification = verify(webhook, options);
      if (!verification.ok) return verification;
      const request = requestFromWebhook(webhook, verification.secret);
      lease.grow(payloadBytes(request.events));
      const found = request.events.length;
      const known = lookUps.allKnown(request.events);
      if (known !== null && (await known)) {
        metrics.events.inc({ source, result: 'duplicate' }, found);
        return { ok: true, accepted: 'duplicate' };
      }
      const newEvents = await keep(request, lease);
      if (newEvents === null) return { ok: true, accepted: 'spooled' };
      if (newEvents > 0) metrics.events.inc({ source, result: 'new' }, newEvents);
      if (newEvents < found) {
        lookUps.foundDuplicate();
        metrics.events.inc({ source, result: 'duplicate' }, found - newEvents);
      }
      return { ok: true, accepted: newEvents > 0 ? 'stored' : 'duplicate' };
    } finally {
      // Whoever needs the body for longer holds it too.
      lease.release();
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
