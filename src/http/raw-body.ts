/** Reads a body as the exact bytes that arrived, within the byte budget. Nothing is decoded or decompressed: the signature covers these bytes. */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { Refusal } from '../core/errors.ts';
import type { ByteBudget, Lease } from '../ingest/byte-budget.ts';

export interface RawBody {
  readonly bytes: Buffer;
  /** Whoever takes the bytes releases it. */
  readonly lease: Lease;
}

export interface RawBodyOptions {
  readonly budget: ByteBudget;
  /** Bytes of the largest body. */
  readonly limit: number;
}

/**
 * In this scope every body, of whatever content type, reaches the handler as a `RawBody`. Call it in a plain nested plugin:
 * parsers are encapsulated.
 */
export function takeRawBodies(app: FastifyInstance, options: RawBodyOptions): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload: IncomingMessage, done) => {
    readBody(payload, options, done);
  });
}

/** Calls back with a Refusal: `too_large`, `too_slow`, or `bad_request` if the sender breaks off. */
function readBody(
  stream: IncomingMessage,
  { budget, limit }: RawBodyOptions,
  done: (refusal: Refusal | null, body?: RawBody) => void,
): void {
  if (Number(stream.headers['content-length'] ?? 0) > limit) {
    done(tooLarge(limit));
    return;
  }
  const chunks: Buffer[] = [];
  const stop = () => stream.off('data', onData).off('end', onEnd).off('error', onBreak).off('close', onBreak);
  const giveUp = (refusal: Refusal) => {
    stop();
    lease.release();
    // A late error of the abandoned stream has nobody else to hear it.
    stream.on('error', () => undefined);
    done(refusal);
  };
  const lease = budget.open(() => giveUp(new Refusal('too_slow', 'the body arrived too slowly')));
  const onData = (chunk: Buffer) => {
    if (lease.bytes + chunk.length > limit) return giveUp(tooLarge(limit));
    chunks.push(chunk);
    lease.add(chunk.length);
  };
  const onEnd = () => {
    stop();
    lease.complete();
    const [first] = chunks;
    done(null, { bytes: chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks), lease });
  };
  const onBreak = () => giveUp(new Refusal('bad_request', 'the body ended before its announced length'));
  stream.on('data', onData).on('end', onEnd).on('error', onBreak).on('close', onBreak);
}

function tooLarge(limit: number): Refusal {
  return new Refusal('too_large', `the body is larger than ${limit} bytes`);
}
