/** Server-Sent Events over HTTP: kept alive, at the pace of whoever reads, and for as long as the key opens something. */
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { StoreError } from '../../core/errors.ts';
import type { EventStream, ServerSentEvent } from './endpoint.ts';

/** In milliseconds. */
export interface StreamTimes {
  /** Between two comments: shorter than the idle timeout of our own server, and of the usual proxies. */
  readonly keepAlive: number;
  /** For which a client may read nothing. */
  readonly stalled: number;
  /** For what is left to be read when the stream has ended. */
  readonly lastWords: number;
  /** After which the key is looked at again before an event is written. */
  readonly trusted: number;
}

const TIMES: StreamTimes = { keepAlive: 15_000, stalled: 60_000, lastWords: 1_000, trusted: 1_000 };
/** Milliseconds after which a client that was cut off comes back. */
const RETRY = 1_000;
/** Characters written at once: one that reads slowly is seen to read. */
const PIECE = 64 * 1024;

export interface EventStreamOptions {
  /** @throws StoreError if that cannot be said now */
  readonly stillMay: () => Promise<boolean>;
  readonly times?: StreamTimes | undefined;
}

/** The headers and nothing else. */
export function sendEventStreamHead(reply: FastifyReply): FastifyReply {
  // Nginx would collect events until its buffer is full.
  return reply.type('text/event-stream; charset=utf-8').header('x-accel-buffering', 'no').send();
}

export function sendEventStream(reply: FastifyReply, stream: EventStream, options: EventStreamOptions): FastifyReply {
  reply.type('text/event-stream; charset=utf-8').header('x-accel-buffering', 'no');
  const writer = new EventStreamWriter(stream, options);
  writer.run().catch((error: unknown) => {
    reply.log.error({ err: error }, 'a stream failed unexpectedly');
    writer.out.destroy();
  });
  return reply.send(writer.out);
}

class EventStreamWriter {
  /** Destroyed by Fastify when the client has gone. */
  readonly out = new PassThrough();
  readonly #stream: EventStream;
  readonly #stillMay: () => Promise<boolean>;
  readonly #times: StreamTimes;
  readonly #closed = new AbortController();
  /** A comment may stand between two events only. */
  #withinEvent = false;
  /** The last look at the key: when it began, and what it found. It had been let in just now. */
  #look = { at: performance.now(), mayGoOn: Promise.resolve(true) };
  #authorized = true;

  constructor(stream: EventStream, { stillMay, times = TIMES }: EventStreamOptions) {
    this.#stream = stream;
    this.#stillMay = stillMay;
    this.#times = times;
  }

  /** Resolves when there is nothing more to write, or nobody to read it. */
  async run(): Promise<void> {
    const { out } = this;
    const alive = setInterval(
      () => this.#keepAlive().catch((error: Error) => out.destroy(error)),
      this.#times.keepAlive,
    );
    const { ending } = this.#stream;
    let lastWords: NodeJS.Timeout | undefined;
    const hurry = () => {
      lastWords = setTimeout(() => out.destroy(), this.#times.lastWords);
    };
    if (ending.aborted) hurry();
    else ending.addEventListener('abort', hurry);
    out.once('close', () => {
      this.#closed.abort();
      this.#stream.close();
      clearInterval(alive);
      clearTimeout(lastWords);
    });
    await this.#write(`retry: ${RETRY}\n\n`);
    for await (const message of this.#stream.messages) {
      if (!(await this.#mayWrite())) break;
      await this.#writeEvent(message);
    }
    if (!this.#authorized) await this.#writeEvent({ event: 'end', data: '{"reason":"unauthorized"}' });
    out.end();
    this.#stream.close();
  }

  /** Resolves when it is on its way: nothing but the last piece is held any more. */
  async #writeEvent({ id, event, data }: ServerSentEvent): Promise<void> {
    this.#withinEvent = true;
    await this.#write(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: `);
    // On its own: in one text with the rest it would be held twice.
    await this.#write(data);
    await this.#write('\n\n');
    this.#withinEvent = false;
  }

  /** Does nothing once the client has gone. Whoever reads nothing is cut off. */
  async #write(text: string): Promise<void> {
    const { out } = this;
    for (let at = 0, end = 0; at < text.length && !out.destroyed; at = end) {
      end = pieceEnd(text, at);
      if (out.write(text.slice(at, end))) continue;
      const stalled = setTimeout(() => out.destroy(), this.#times.stalled);
      await once(out, 'drain', { signal: this.#closed.signal }).catch(() => undefined);
      clearTimeout(stalled);
    }
  }

  async #keepAlive(): Promise<void> {
    const mayGoOn = await this.#lookAgain();
    if (mayGoOn && !this.#withinEvent && !this.out.writableEnded) this.out.write(': alive\n\n');
  }

  /** Asked before every event, and looks only if the last look is too long ago. */
  #mayWrite(): Promise<boolean> {
    const isTrusted = performance.now() - this.#look.at < this.#times.trusted;
    return isTrusted ? this.#look.mayGoOn : this.#lookAgain();
  }

  async #lookAgain(): Promise<boolean> {
    this.#look = { at: performance.now(), mayGoOn: this.#mayGoOn() };
    const mayGoOn = await this.#look.mayGoOn;
    if (!mayGoOn && this.#authorized) {
      this.#authorized = false;
      this.#stream.close();
    }
    return this.#authorized;
  }

  /** While that cannot be said it goes on. */
  async #mayGoOn(): Promise<boolean> {
    try {
      return await this.#stillMay();
    } catch (error) {
      if (error instanceof StoreError) return true;
      throw error;
    }
  }
}

/** Between the two halves of a character each would be written as one that is none. */
function pieceEnd(text: string, at: number): number {
  const end = at + PIECE;
  return /[\ud800-\udbff]/.test(text.charAt(end - 1)) ? end + 1 : end;
}
