/** The HTTP server: limits and timeouts, the hooks that every answer passes, and the scopes with their routes. */
import { Server as NetServer } from 'node:net';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import type { Logger } from '../observability/logger.ts';
import { watchArrivals } from './arrivals.ts';
import { handleClientError, handleError, refuse, unknownRoute } from './error-handler.ts';
import { createFailureLimiter, type FailureLimiter, type SharedCounters } from './failure-limiter.ts';

/** Milliseconds for the headers to arrive whole. */
const HEADERS_TIMEOUT = 10_000;
/** Milliseconds for a whole request: the largest body at the slowest rate that is not cut (16 KiB/s). */
const REQUEST_TIMEOUT = 300_000;
/** Milliseconds without any traffic on a connection. */
const IDLE_TIMEOUT = 60_000;
/** Milliseconds between two requests: above the 60 s for which nginx and AWS load balancers keep an idle connection. */
const KEEP_ALIVE_TIMEOUT = 75_000;
/** Milliseconds between two looks for connections past these limits. */
const CHECK_INTERVAL = 2_000;

export interface HttpServerOptions {
  readonly logger: Logger;
  /** Addresses or CIDR ranges of proxies whose X-Forwarded-For is believed. */
  readonly trustProxy: readonly string[] | undefined;
  /** Failures that one address may have in a minute, by kind. */
  readonly failuresAMinute: number;
  readonly sharedCounters: SharedCounters | null;
  /** Registers the routes. */
  readonly routes: (app: FastifyInstance, limiter: FailureLimiter) => Promise<void>;
}

export interface HttpServer {
  readonly app: FastifyInstance;
  /** From now on each answer closes its connection, while the server goes on serving. */
  beginClosing(): void;
  /** Takes no new connection, answers what has come over the accepted ones, and closes them. Idempotent. */
  close(): Promise<void>;
}

export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  let closing = false;
  const app: FastifyInstance = Fastify({
    // What Fastify has to say below a warning is said by us, in words of our own.
    loggerInstance: options.logger.child({}, { level: atLeastWarn(options.logger) }) as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    // Ours only: an id from outside would be logged and answered without a check.
    genReqId: () => uuidv7(),
    trustProxy: options.trustProxy === undefined ? false : [...options.trustProxy],
    routerOptions: { ignoreTrailingSlash: true },
    requestTimeout: REQUEST_TIMEOUT,
    connectionTimeout: IDLE_TIMEOUT,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT,
    http: { headersTimeout: HEADERS_TIMEOUT, connectionsCheckingInterval: CHECK_INTERVAL },
    // While PM2 starts the next process, requests on open connections are still served.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    clientErrorHandler: handleClientError,
    frameworkErrors: (_error, request, reply) => {
      reply.header('x-request-id', request.id);
      refuse(request, reply, 'bad_request', 'the URL is malformed');
    },
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
  app.addHook('onSend', async (_request, reply) => {
    if (closing) reply.header('connection', 'close');
  });
  app.addHook('preClose', async () => {
    closing = true;
  });
  const limiter = await createFailureLimiter(app, options.failuresAMinute, options.sharedCounters);
  app.setErrorHandler(handleError);
  app.setNotFoundHandler(unknownRoute(app, limiter));
  await options.routes(app, limiter);
  const arrivals = watchArrivals(app.server);
  let closed: Promise<void> | undefined;
  const close = async () => {
    closing = true;
    await arrivals.connectionsTaken();
    // Only the listener. Node's own close would at once cut every connection without a request, also one whose request
    // has arrived and just not been read yet.
    NetServer.prototype.close.call(app.server);
    await arrivals.requestsRead();
    await app.close();
  };
  return {
    app,
    beginClosing() {
      closing = true;
    },
    close() {
      closed ??= close();
      return closed;
    },
  };
}

function atLeastWarn(logger: Logger): string {
  return logger.isLevelEnabled('info') ? 'warn' : logger.level;
}
