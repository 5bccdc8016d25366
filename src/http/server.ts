/** The HTTP server: limits and timeouts, the hooks that every answer passes, and the scopes with their routes. */
import { Server as NetServer, type Socket } from 'node:net';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { Refusal } from '../core/errors.ts';
import { rowId } from '../core/row-id.ts';
import type { Logger } from '../observability/logger.ts';
import { watchConnections } from './connections.ts';
import { handleClientError, handleError, refuse } from './error-handler.ts';
import { createFailureLimiter, type FailureLimiter, type SharedCounters } from './failure-limiter.ts';
import { answerUnknownRoutes } from './unknown-routes.ts';

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
  /**
   * Takes no new connection, answers what has come over the accepted ones, and closes them. Idempotent.
   *
   * @param limitMs after which connections are cut even if their requests are under way
   */
  close(limitMs: number): Promise<void>;
}

export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  let closing = false;
  const app: FastifyInstance = Fastify({
    // What Fastify has to say below a warning is said by us, in words of our own.
    loggerInstance: options.logger.child({}, { level: atLeastWarn(options.logger) }) as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    // Ours only: an id from outside would be logged and answered without a check.
    genReqId: rowId,
    // One logger for all requests: a child for each costs more than the signature's check, and every line of ours names the request.
    childLoggerFactory: (logger) => logger,
    trustProxy: options.trustProxy === undefined ? false : [...options.trustProxy],
    routerOptions: { ignoreTrailingSlash: true },
    requestTimeout: REQUEST_TIMEOUT,
    connectionTimeout: IDLE_TIMEOUT,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT,
    http: {
      headersTimeout: HEADERS_TIMEOUT,
      connectionsCheckingInterval: CHECK_INTERVAL,
      // Node's own answer is not in the contract's form: the check is made below.
      requireHostHeader: false,
    },
    // While PM2 starts the next process, requests on open connections are still served.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    clientErrorHandler: handleClientError,
    frameworkErrors: (_error, request, reply) => {
      reply.header('x-request-id', request.id);
      refuse(request, reply, 'bad_request', 'the URL is malformed');
    },
  });
  // Every webhook passes these hooks, hence callbacks: a promise for each hook costs a tenth of the request.
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    const { httpVersion, headers } = request.raw;
    if (httpVersion !== '1.1' || headers.host !== undefined) done();
    else done(new Refusal('bad_request', 'the Host header is missing'));
  });
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (closing) reply.header('connection', 'close');
    done();
  });
  app.addHook('preClose', async () => {
    closing = true;
  });
  const limiter = await createFailureLimiter(app, options.failuresAMinute, options.sharedCounters);
  app.setErrorHandler(handleError);
  answerUnknownRoutes(app, limiter);
  // No scope reads bodies unless it says how: what is not verified is not parsed.
  app.removeAllContentTypeParsers();
  await options.routes(app, limiter);
  // An expectation that we do not know is none of ours to refuse, and nobody is connected through us to anywhere.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
  app.server.on('connect', (_request, socket: Socket) => handleClientError(new Error('CONNECT'), socket));
  const connections = watchConnections(app.server);
  let closed: Promise<void> | undefined;
  const close = async (limitMs: number) => {
    closing = true;
    const limit = setTimeout(() => app.server.closeAllConnections(), limitMs);
    await connections.taken();
    // Only the listener. Node's own close would at once cut every connection without a request, also one whose request
    // has arrived and just not been read yet.
    NetServer.prototype.close.call(app.server);
    await connections.heard();
    connections.cutIdle();
    await app.close();
    clearTimeout(limit);
  };
  return {
    app,
    beginClosing() {
      closing = true;
    },
    close(limitMs) {
      closed ??= close(limitMs);
      return closed;
    },
  };
}

function atLeastWarn(logger: Logger): string {
  return logger.isLevelEnabled('info') ? 'warn' : logger.level;
}
