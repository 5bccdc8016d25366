/** Answers every failure in the contract's form, also those that Fastify never sees. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { Refusal, type RefusalDetail } from '../core/errors.ts';
import { rowId } from '../core/row-id.ts';
import { type ErrorCode, errorBody, RETRY_AFTER, STATUS } from './errors.ts';

/** Milliseconds for which the rest of a refused body is read and thrown away: closing at once would cut off the answer. */
const LINGER_MS = 10_000;

/** Sends one refusal. */
export function refuse(
  request: FastifyRequest,
  reply: FastifyReply,
  code: ErrorCode,
  message: string,
  details: readonly RefusalDetail[] = [],
): FastifyReply {
  if (STATUS[code] === 503) reply.header('retry-after', RETRY_AFTER);
  if (code === 'too_slow') reply.header('connection', 'close');
  else discardRest(request);
  return reply.code(STATUS[code]).send(errorBody(code, message, request.id, details));
}

function discardRest(request: FastifyRequest): void {
  const { raw } = request;
  if (raw.complete || raw.destroyed) return;
  const timer = setTimeout(() => raw.socket.destroy(), LINGER_MS);
  raw.once('close', () => clearTimeout(timer));
  raw.resume();
}

/** What is thrown in a route or by Fastify itself. */
export function handleError(error: FastifyError | Refusal, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error instanceof Refusal) return refuse(request, reply, error.kind, error.message, error.details);
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500) return refuse(request, reply, codeOf(status), clientMessage(status));
  request.log.error({ err: error, requestId: request.id }, 'a request failed unexpectedly');
  return refuse(request, reply, 'internal_error', 'the gateway failed on this request; its log says why');
}

function codeOf(status: number): ErrorCode {
  const known = Object.entries(STATUS).find(([, value]) => value === status);
  return (known?.[0] as ErrorCode | undefined) ?? 'bad_request';
}

function clientMessage(status: number): string {
  return `${STATUS_CODES[status] ?? 'Bad Request'}`.toLowerCase();
}

const CLIENT_ERRORS: Readonly<Record<string, { code: ErrorCode; message: string }>> = {
  ERR_HTTP_REQUEST_TIMEOUT: { code: 'too_slow', message: 'the request did not arrive in time' },
  HPE_HEADER_OVERFLOW: { code: 'headers_too_large', message: 'the headers are larger than 16 KiB' },
};

/** What Node's HTTP parser refuses before there is a request: malformed lines, overlong headers, senders too slow. */
export function handleClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const malformed = { code: 'bad_request' as const, message: 'this is not a well-formed HTTP request' };
  const { code, message } = CLIENT_ERRORS[error.code ?? ''] ?? malformed;
  const requestId = rowId();
  const body = JSON.stringify(errorBody(code, message, requestId));
  const status = STATUS[code];
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nX-Request-Id: ${requestId}\r\nConnection: close\r\n\r\n${body}`,
  );
  // The other side need not close its half; ours ends when the answer has gone out.
  socket.once('finish', () => socket.destroy());
}
