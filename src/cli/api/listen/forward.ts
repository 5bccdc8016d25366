/** Posts an event to the developer's program, signed afresh, until it is answered or has been refused often enough. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Origin } from '../../../core/provider.ts';
import { signatureHeaders } from '../../../delivery/signing.ts';
import { SERVICE, VERSION } from '../../../package.ts';
import { origins } from '../../../providers/index.ts';
import { memberText } from '../exact-json.ts';
import type { StreamedEvent } from '../follow-stream.ts';

/** Milliseconds before the second attempt, and at most. */
const FIRST_PAUSE = 200;
const LONGEST_PAUSE = 5_000;

/** Nobody has been reached, so that nothing of the event can have been seen. */
const NOT_REACHED = [
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
];

export interface ForwardOptions {
  readonly url: string;
  readonly secret: string;
  /** How often an event that was received, and not answered 2xx, is posted; at least 1. */
  readonly tries: number;
  /** Milliseconds for an answer. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Nobody is there, `why`: told once for each event. */
  readonly onAway: (why: string) => void;
}

export interface Outcome {
  /** Of the last answer; null if there was none. */
  readonly status: number | null;
  /** Null: 2xx. */
  readonly failure: string | null;
  readonly tries: number;
  /** Of the last attempt. */
  readonly durationMs: number;
}

/** Null: it was stopped before there was an outcome, and the event is still owed. */
export async function forward(event: StreamedEvent, options: ForwardOptions): Promise<Outcome | null> {
  const body = bodyOf(event);
  if (body === null) return { status: null, failure: 'its bytes have been removed', tries: 0, durationMs: 0 };
  let tries = 0;
  let told = false;
  for (let pause = FIRST_PAUSE; !options.signal.aborted; pause = Math.min(LONGEST_PAUSE, pause * 2)) {
    const { reached, ...outcome } = await post(event, body, tries + 1, options);
    if (reached) tries++;
    if (outcome.failure === null || tries >= options.tries) return { ...outcome, tries };
    if (!reached && !told) {
      options.onAway(outcome.failure);
      told = true;
    }
    await sleep(pause, undefined, { signal: options.signal }).catch(() => undefined);
  }
  return null;
}

interface Attempt extends Omit<Outcome, 'tries'> {
  readonly reached: boolean;
}

async function post(event: StreamedEvent, body: Buffer, attempt: number, options: ForwardOptions): Promise<Attempt> {
  const startedAt = performance.now();
  const durationMs = () => Math.round(performance.now() - startedAt);
  try {
    const response = await fetch(options.url, {
      method: 'POST',
      headers: headersOf(event, body, attempt, options.secret),
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(options.timeoutMs),
    });
    // Read, so that the connection can be used again.
    await response.arrayBuffer();
    const { status, ok } = response;
    return { reached: true, status, failure: ok ? null : `it answered ${status}`, durationMs: durationMs() };
  } catch (error) {
    const { name, cause = error } = error as Error;
    const why = name === 'TimeoutError' ? `no answer within ${options.timeoutMs / 1000} s` : codeOf(cause);
    return { reached: !NOT_REACHED.includes(why), status: null, failure: why, durationMs: durationMs() };
  }
}

/** Where a name has several addresses and none answers, the code stands in the errors of each. */
function codeOf(cause: unknown): string {
  const { code, errors, message } = cause as { code?: string; errors?: { code?: string }[]; message?: string };
  return code ?? errors?.[0]?.code ?? message ?? 'no connection';
}

function bodyOf({ bodyBase64, text }: StreamedEvent): Buffer | null {
  if (bodyBase64 === null) return null;
  return bodyBase64 === undefined ? Buffer.from(memberText(text, 'event')) : Buffer.from(bodyBase64, 'base64');
}

/** Those of a delivery, see docs/delivery.md. */
function headersOf(streamed: StreamedEvent, body: Buffer, attempt: number, secret: string): Record<string, string> {
  const { event, webhookId, headers = {}, bodyBase64 } = streamed;
  const origin: Origin | undefined = Object.values(origins).find(({ name }) => name === event.provider);
  const provider = origin ?? origins.gateway;
  // What the gateway tells of itself has no provider's signature.
  const signing = bodyBase64 !== undefined && provider.signatureHeader !== null ? 'provider' : 'standard';
  const signature = signatureHeaders({
    signing,
    secrets: [secret],
    messageId: webhookId,
    body,
    now: new Date(),
    provider,
  });
  return {
    'content-type': 'application/json',
    ...headers,
    'user-agent': `${SERVICE}/${VERSION}`,
    'x-webhook-source': event.source,
    'x-webhook-type': event.type,
    'x-webhook-attempt': String(attempt),
    'webhook-id': webhookId,
    ...signature,
  };
}
