/** The contract of a provider: the only place where the rest of the gateway meets provider rules. */
import type { DeliveredEvent, DeliveredRequest } from './delivery.ts';
import type { ParsedEvent, WebhookProviderName } from './event.ts';

/** Why a signature was refused; the label of `webhook_signature_failures_total`. */
export const SIGNATURE_FAILURES = ['missing', 'malformed', 'mismatch', 'too_old', 'too_new'] as const;
export type SignatureFailure = (typeof SIGNATURE_FAILURES)[number];

export type Verification =
  /** `secret`: position of the secret that matched, from 0. */
  { readonly ok: true; readonly secret: number } | { readonly ok: false; readonly reason: SignatureFailure };

export interface VerifyInput {
  /** The bytes exactly as received. */
  readonly body: Buffer;
  /** Value of the provider's signature header. */
  readonly header: string | undefined;
  /** Every active secret; during a roll there are two or more. */
  readonly secrets: readonly string[];
  readonly now: Date;
  /** How far the signed time may lie from `now`, both ways. Ignored by providers that sign no time. */
  readonly toleranceSeconds: number;
}

export interface ParseInput {
  readonly body: Buffer;
  /** Id of the request; part of the key only where the provider's own id is a placeholder. */
  readonly requestId: string;
  /** Time of arrival; its UTC hour is part of the key of notices that carry neither an id nor a time. */
  readonly receivedAt: Date;
}

export interface SignInput {
  readonly body: Buffer;
  readonly secret: string;
  readonly now: Date;
}

export interface SampleInput {
  /** Event type such as `invoice.paid` or `message.text`; the provider's most usual one if absent. */
  readonly type?: string | undefined;
  /** Makes the ids in the body distinct. */
  readonly unique: string;
  readonly now: Date;
}

/** A GET with which the provider checks that the URL is ours; the answer is the bare challenge. */
export type HandshakeResult =
  | { readonly ok: true; readonly challenge: string }
  | { readonly ok: false; readonly reason: 'malformed' | 'wrong_token' };

export interface Provider {
  readonly name: WebhookProviderName;
  /** Lower-case name of the header that carries the signature. */
  readonly signatureHeader: string;
  /** What can be told from the header alone, before the body is read: null where it is well-formed. */
  checkHeader(header: string | undefined): 'missing' | 'malformed' | null;
  /** Checks the HMAC over the exact bytes against every active secret, in constant time. Never throws. */
  verify(input: VerifyInput): Verification;
  /**
   * What may stand before an event's own id in its dedupe key, such as `message:`; `` where nothing does. Behind the id the key
   * ends, or goes on with `:`.
   */
  readonly idPrefixes: readonly string[];
  /** Finds the events of a verified body: at least one, no two with the same key. Never throws, whatever the bytes. */
  parse(input: ParseInput): readonly ParsedEvent[];
  /** Value of the signature header for a body: what the provider would send. */
  sign(input: SignInput): string;
  /**
   * A body as the provider would send it if this event were all it had to tell, with every digit of its numbers. `request`:
   * the one that brought the event; null if it is gone. Null if the payload or the bytes that it takes are gone or never were.
   */
  native(event: DeliveredEvent, request: DeliveredRequest | null): Buffer | null;
  /** A realistic body to try the gateway with. Throws a `RangeError` that lists the known types for an unknown one. */
  sample(input: SampleInput): Buffer;
  /** Present if the provider checks the URL by a GET. `tokens`: the accepted verify tokens. */
  handshake?(query: Readonly<Record<string, unknown>>, tokens: readonly string[]): HandshakeResult;
}

/** Whom an event is from, as far as handing it on goes: a provider, or the gateway itself, which has no signature to imitate. */
export type Origin =
  | Provider
  | (Pick<Provider, 'idPrefixes' | 'parse' | 'native' | 'sample'> & {
      readonly name: 'gateway';
      readonly signatureHeader: null;
    });
