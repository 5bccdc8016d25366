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
}

const TIMES: StreamTimes = { keepAlive: 15_000, stalled: 60_000, lastWords: 1_000 };
/** Milliseconds after which a client that was cut off comes back. */
const RETRY = 1_000;
/** Characters written at once: one that reads slowly is seen to read. */
const PIECE = 64 * 1024;

export interface EventStreamOptions {
  /** The headers and nothing else. */
  readonly head: boolean;
  /** @throws StoreError if that cannot be said now */
  readonly stillMay: () => Promise<boolean>;
  readonly times?: StreamTimes | undefined;
}

export function sendEventStream(reply: FastifyReply, stream: EventStream, options: EventStreamOptions): FastifyReply {
  // Nginx would collect events until its buffer is full.
  reply.type('text/event-stream; charset=utf-8').header('x-accel-buffering', 'no');
  if (options.head) {
    stream.close();
    return reply.send();
  }
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
  #authorized = true;

  constructor(stream: EventStream, { stillMay, times = TIMES }: EventStreamOptions) {
    this.#stream = stream;
    this.#stillMay = stillMay;
    this.#times = times;
  }

  /** Resolves when there is nothing more to write, or nobody to read it. */
  async run(): Promise<void> {
    const { out } = this;
    const alive = setInterval(() => this.#look().catch((error: Error) => out.destroy(error)), this.#times.keepAlive);
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
    for await (const message of this.#stream.messages) await this.#write(textOf(message));
    if (!this.#authorized) await this.#write(textOf({ event: 'end', data: '{"reason":"unauthorized"}' }));
    out.end();
    this.#stream.close();
  }

  /** Does nothing once the client has gone. Whoever reads nothing is cut off. */
  async #write(text: string): Promise<void> {
    const { out } = this;
    this.#withinEvent = true;
    for (let at = 0; at < text.length && !out.destroyed; at += PIECE) {
      if (out.write(text.slice(at, at + PIECE))) continue;
      const stalled = setTimeout(() => out.destroy(), this.#times.stalled);
      await once(out, 'drain', { signal: this.#closed.signal }).catch(() => undefined);
      clearTimeout(stalled);
    }
    this.#withinEvent = false;
  }

  async #look(): Promise<void> {
    this.#authorized = await this.#mayGoOn();
    if (!this.#authorized) this.#stream.close();
    else if (!this.#withinEvent && !this.out.writableEnded) this.out.write(': alive\n\n');
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

function textOf({ id, event, data }: ServerSentEvent): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`;
}
