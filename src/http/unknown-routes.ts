/** Answers what no route takes: 405 with `Allow` where the path exists under other methods, else 404. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { refuse } from './error-handler.ts';
import type { FailureLimiter } from './failure-limiter.ts';

/**
 * To be called before the routes are registered. Answers in the first hook, before a byte of the body is read: Fastify's
 * own not-found handler comes after it.
 */
export function answerUnknownRoutes(app: FastifyInstance, limiter: FailureLimiter): void {
  /** By path, as it was registered: `/events/:id`. */
  const methods = new Map<string, string[]>();
  app.addHook('onRoute', ({ url, method }) => {
    if (!isWildcard(url)) methods.set(url, [...(methods.get(url) ?? []), ...[method].flat()]);
  });
  app.addHook('onRequest', (request, reply, done) => {
    if (!isUnknown(request)) done();
    else answer(request, reply, methodsOf(pathOf(request.url), methods), limiter).catch(done);
  });
}

/** A wildcard is there for what a browser asks before it calls the API, and for nothing else that comes its way. */
function isUnknown({ is404, routeOptions, headers }: FastifyRequest): boolean {
  return is404 || (isWildcard(routeOptions.url ?? '') && headers['access-control-request-method'] === undefined);
}

function isWildcard(url: string): boolean {
  return url.endsWith('*');
}

function methodsOf(path: string, methods: ReadonlyMap<string, readonly string[]>): readonly string[] | undefined {
  const exact = methods.get(path);
  if (exact !== undefined) return exact;
  const parts = path.split('/');
  const fits = (pattern: string) => {
    const expected = pattern.split('/');
    return expected.length === parts.length && expected.every((part, at) => part.startsWith(':') || part === parts[at]);
  };
  return [...methods].find(([pattern]) => pattern.includes(':') && fits(pattern))?.[1];
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  allowed: readonly string[] | undefined,
  limiter: FailureLimiter,
): Promise<FastifyReply> {
  if (await limiter.tooMany(request, 'unknown-route')) {
    return refuse(request, reply, 'rate_limited', 'too many requests to unknown routes from this address');
  }
  if (allowed === undefined) return refuse(request, reply, 'not_found', 'there is nothing under this path');
  const methods = [...new Set(allowed)].sort().join(', ');
  reply.header('allow', methods);
  return refuse(request, reply, 'method_not_allowed', `this path takes ${methods}`);
}

/** Without the query, and without the trailing slash that the router ignores too. */
function pathOf(url: string): string {
  return (url.split('?', 1)[0] ?? '/').replace(/(.)\/$/, '$1');
}
