/** A request under way, and what is told of it once it has ended, was given up or took too long: one result, whatever comes later. */
import type { Dispatcher } from 'undici';
import { keptHeaders } from './answer-headers.ts';
import type { OutgoingRequest, SendResult } from './send.ts';
import { sendFailure } from './send-failure.ts';

/** Bytes of an answer that are read. */
export const ANSWER_MAX_BYTES = 64 * 1024;

/** What tells undici to destroy the connection; nobody gets to see it. */
const ENOUGH = new Error('the answer is not read any further');

export class Exchange implements Dispatcher.DispatchHandler {
  readonly #resolve: (result: SendResult) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #signal: AbortSignal;
  readonly #timeoutMs: number;
  /** Present once the request is being written: the receiver may have it. */
  #controller: Dispatcher.DispatchController | undefined;
  #status: number | undefined;
  #headers: Readonly<Record<string, string>> = {};
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #settled = false;

  constructor(
    { timeoutMs, signal }: Pick<OutgoingRequest, 'timeoutMs' | 'signal'>,
    resolve: (result: SendResult) => void,
  ) {
    this.#resolve = resolve;
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
    this.#timer = setTimeout(() => this.#onDeadline(), timeoutMs);
    if (signal.aborted) this.#onAbort();
    else signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Given up while it waited for its connection: then nothing of it is written.
    if (this.#settled) controller.abort(ENOUGH);
    else this.#controller = controller;
  }

  onResponseStart(
    _: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    // 100, 103 and their like: the answer is still to come.
    if (status < 200) return;
    this.#status = status;
    this.#headers = keptHeaders(headers);
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    const rest = ANSWER_MAX_BYTES - this.#bytes;
    // A copy: the chunk is a part of a larger buffer, which would live as long as the report.
    this.#chunks.push(Buffer.from(chunk.subarray(0, rest)));
    this.#bytes += Math.min(rest, chunk.length);
    if (chunk.length > rest) this.#end();
  }

  onResponseEnd(): void {
    this.#end();
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.fail(error);
  }

  /** The status is the answer, also if the rest of it does not come. */
  fail(error: Error): void {
    if (this.#status === undefined) this.#settle({ kind: 'failure', ...sendFailure(error) });
    else this.#end();
  }

  #onDeadline(): void {
    if (this.#status !== undefined) {
      this.#end();
      return;
    }
    const missing = this.#controller === undefined ? 'no connection' : 'no answer';
    this.#settle({ kind: 'failure', failure: 'timeout', error: `${missing} within ${this.#timeoutMs} ms` });
  }

  readonly #onAbort = (): void => {
    if (this.#status !== undefined) this.#end();
    else this.#settle({ kind: 'aborted', sent: this.#controller !== undefined });
  };

  #end(): void {
    const status = this.#status ?? 0;
    this.#settle({ kind: 'answer', answer: { status, headers: this.#headers, body: Buffer.concat(this.#chunks) } });
  }

  #settle(result: SendResult): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#signal.removeEventListener('abort', this.#onAbort);
    // Behind undici, which has its connection free one turn of the event loop later, and has not ordered that yet: whoever sent the
    // next before would open a connection more.
    queueMicrotask(() => setImmediate(this.#resolve, result));
    // Of what has ended by itself nothing is left to abort, and its connection is used again.
    this.#controller?.abort(ENOUGH);
  }
}
