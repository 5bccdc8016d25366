/** One HTTP request of a delivery: one deadline for all of it, no redirects, no proxy, and an answer that is read only so far. */

import { Agent, type Dispatcher } from 'undici';
import type { AttemptAnswer, AttemptFailure } from '../core/delivery.ts';
import type { AddressGuard } from './address-guard.ts';
import { Exchange } from './exchange.ts';

export interface OutgoingRequest {
  readonly url: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Milliseconds from now until the end of the answer. */
  readonly timeoutMs: number;
  /** Gives it up. */
  readonly signal: AbortSignal;
}

export type SendFailure = Extract<AttemptFailure, 'timeout' | 'connection' | 'tls' | 'dns' | 'forbidden_address'>;

export type SendResult =
  | { readonly kind: 'answer'; readonly answer: AttemptAnswer }
  /** `error`: for people; nothing of the URL. */
  | { readonly kind: 'failure'; readonly failure: SendFailure; readonly error: string }
  /** The signal came first. `sent`: the receiver may have got it. */
  | { readonly kind: 'aborted'; readonly sent: boolean };

export interface Sender {
  /** Never rejects. */
  send(request: OutgoingRequest): Promise<SendResult>;
  /** Cuts every connection. Idempotent. */
  close(): Promise<void>;
}

export interface SenderOptions {
  readonly guard: AddressGuard;
  /** PEM certificates to trust instead of the system's; for tests. */
  readonly ca?: string;
}

/** Milliseconds for a connection, also where the destination has more: a request holds its body until then. */
const CONNECT_TIMEOUT = 10_000;
/** Milliseconds for which a connection may wait for its next request, where the receiver does not say. */
const KEEP_ALIVE = 4_000;
/** URLs whose parts are remembered: destinations are few, and their requests many. */
const MAX_URLS = 1_000;

export function createSender({ guard, ca }: SenderOptions): Sender {
  const agent = new Agent({
    // Names are judged where they are resolved; an address that stands in the URL itself is judged with it, below.
    connect: { lookup: guard.lookup, timeout: CONNECT_TIMEOUT, ...(ca === undefined ? {} : { ca }) },
    keepAliveTimeout: KEEP_ALIVE,
    pipelining: 1,
    // The deadline is the destination's, and for the whole: an `Exchange` keeps it.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const places = new Map<string, Place>();
  const placeOf = (url: string): Place => {
    const known = places.get(url);
    if (known !== undefined) return known;
    const refused = guard.checkUrl(url);
    const place = refused === null ? partsOf(url) : { refused };
    if (places.size >= MAX_URLS) places.clear();
    places.set(url, place);
    return place;
  };
  return {
    send(request) {
      return new Promise((resolve) => {
        const place = placeOf(request.url);
        if ('refused' in place) return resolve({ kind: 'failure', failure: 'forbidden_address', error: place.refused });
        const exchange = new Exchange(request, resolve);
        const { headers, body } = request;
        const options: Dispatcher.DispatchOptions = {
          ...place,
          method: 'POST',
          headers,
          body,
        };
        try {
          agent.dispatch(options, exchange);
        } catch (error) {
          exchange.fail(error as Error);
        }
      });
    },
    async close() {
      await agent.destroy();
    },
  };
}

/** What is wrong with a URL, or what a request takes of it. */
type Place = { readonly refused: string } | { readonly origin: string; readonly path: string };

function partsOf(url: string): Place {
  const { origin, pathname, search } = new URL(url);
  return { origin, path: `${pathname}${search}` };
}
