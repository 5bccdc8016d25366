/** Everything under `/api/v1`: who may call, how bodies are read, and how an endpoint becomes a route. */
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { Refusal, type RefusalDetail, StoreError } from '../../core/errors.ts';
import { handleError } from '../error-handler.ts';
import type { ApiAuth } from './auth.ts';
import { type Endpoint, EventStream, JsonText, NO_BODY } from './endpoint.ts';
import { type StreamTimes, sendEventStream, sendEventStreamHead } from './event-stream.ts';

export const API_PREFIX = '/api/v1';
/** Bytes of a request's body. */
const BODY_LIMIT = 256 * 1024;
/** Seconds for which a browser need not ask again whether it may call. */
const PREFLIGHT_SECONDS = 600;

export interface ApiOptions {
  readonly endpoints: readonly Endpoint[];
  readonly auth: ApiAuth;
  /** Origins of web pages that may call; empty: none. */
  readonly origins: readonly string[];
  readonly streamTimes?: StreamTimes;
}

export function apiRoutes(options: ApiOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    await app.register(async (scope) => openScope(scope, options), { prefix: API_PREFIX });
  };
}

async function openScope(app: FastifyInstance, options: ApiOptions): Promise<void> {
  const { endpoints, auth, origins } = options;
  await app.register(helmet);
  if (origins.length > 0) await allowOrigins(app, origins);
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });
  app.setErrorHandler((error: FastifyError | Refusal, request, reply) => {
    if (error instanceof Refusal && error.kind === 'unauthorized') reply.header('www-authenticate', 'Bearer');
    return handleError(error instanceof StoreError ? refusalOf(error) : error, request, reply);
  });
  readJsonBodies(app);
  auth.install(app);
  for (const endpoint of endpoints) route(app, endpoint, options);
}

function route(app: FastifyInstance, endpoint: Endpoint, { auth, streamTimes }: ApiOptions): void {
  const { method, path, scope, success } = endpoint;
  app.route({
    method,
    url: path,
    // Before the body is read.
    onRequest: (request) => auth.check(request, scope),
    async handler(request, reply) {
      const call = { ...checked(endpoint, request), by: auth.actor(request) };
      reply.code(success.status);
      // A stream that is opened may end another, and nobody would read it.
      if (request.method === 'HEAD' && success.contentType === 'text/event-stream') return sendEventStreamHead(reply);
      const answer = await endpoint.handle(call as never);
      if (!(answer instanceof EventStream)) return send(reply, answer);
      const stillMay = () => auth.stillMay(request, scope);
      return sendEventStream(reply, answer, { stillMay, times: streamTimes });
    },
  });
}

function send(reply: FastifyReply, answer: unknown): FastifyReply {
  if (answer instanceof JsonText) return reply.type('application/json; charset=utf-8').send(answer.text);
  if (Buffer.isBuffer(answer)) {
    // Whatever is in it: no browser is to show it.
    return reply.type('application/octet-stream').header('content-disposition', 'attachment').send(answer);
  }
  return answer === undefined ? reply.send() : reply.send(answer);
}

function checked({ params, query, headers, body }: Endpoint, request: FastifyRequest) {
  const details: RefusalDetail[] = [];
  const parse = (schema: z.ZodType, value: unknown): unknown => {
    const result = schema.safeParse(value);
    for (const issue of result.error?.issues ?? []) details.push(...detailsOf(issue));
    return result.data;
  };
  const parts = {
    params: parse(params, request.params),
    query: parse(query, request.query),
    headers: parse(headers, request.headers),
    body: parse(body ?? NO_BODY, request.body),
  };
  if (details.length > 0) throw new Refusal('bad_request', 'the request is not as the API describes it', details);
  return parts;
}

/** Messages of ours and of zod say what is expected; they never quote what was sent. */
function detailsOf(issue: z.core.$ZodIssue): RefusalDetail[] {
  const path = issue.path.map(String);
  if (issue.code !== 'unrecognized_keys') return [{ path: path.join('.'), message: issue.message }];
  return issue.keys.map((key) => ({ path: [...path, key].join('.'), message: 'there is no such field' }));
}

/** JSON and nothing else; an empty body is none. Fastify itself answers 413 and 415. */
function readJsonBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string', bodyLimit: BODY_LIMIT }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else void parse(request, body as string, (error, value) => done(error === null ? null : notJson(), value));
  });
}

function notJson(): Refusal {
  return new Refusal('bad_request', 'the body is not JSON');
}

function refusalOf({ fault }: StoreError): Refusal {
  if (fault !== 'data') return new Refusal('unavailable', 'PostgreSQL does not take this at the moment');
  return new Refusal(
    'bad_request',
    'PostgreSQL cannot hold one of the values: a NUL, half a character, or an absurd time',
  );
}

async function allowOrigins(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  await app.register(cors, {
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
    allowedHeaders: ['authorization', 'content-type', 'last-event-id'],
    exposedHeaders: ['x-request-id', 'retry-after'],
    maxAge: PREFLIGHT_SECONDS,
    strictPreflight: false,
  });
}
