/** The webhook endpoints. They know no provider rule: bytes, a request id and a time go in, the contract's answers come out. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Refusal } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import type { SignatureFailure } from '../../core/provider.ts';
import type { Source } from '../../core/source.ts';
import type { ByteBudget } from '../../ingest/byte-budget.ts';
import type { Receive } from '../../ingest/receive.ts';
import type { Logger } from '../../observability/logger.ts';
import { type Metrics, OUTCOMES, type Outcome } from '../../observability/metrics.ts';
import type { TrafficLog } from '../../observability/traffic-log.ts';
import { handleError } from '../error-handler.ts';
import type { FailureLimiter } from '../failure-limiter.ts';
import { type RawBody, takeRawBodies } from '../raw-body.ts';

export interface WebhookRoutesOptions {
  readonly sources: readonly Source[];
  readonly receive: Receive;
  readonly budget: ByteBudget;
  /** Bytes of the largest body. */
  readonly bodyLimit: number;
  readonly limiter: FailureLimiter;
  readonly metrics: Metrics;
  readonly traffic: TrafficLog;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** When the request arrived: the wall clock for the record, the monotonic one for the duration. */
interface Arrival {
  readonly at: Date;
  readonly monotonic: number;
  /** Fastify refuses a malformed content type with 415 before any parser, and the contract has no 415 here. */
  readonly contentType: string | undefined;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Of a webhook only: set by the first hook of its scope. */
    arrival: Arrival;
  }
}

const ANSWER = JSON.stringify({ received: true });

export function webhookRoutes(options: WebhookRoutesOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    app.decorateRequest('arrival');
    takeRawBodies(app, { budget: options.budget, limit: options.bodyLimit });
    for (const source of options.sources) {
      await app.register(async (scope) => postRoute(scope, source, options));
    }
  };
}

function postRoute(app: FastifyInstance, source: Source, options: WebhookRoutesOptions): void {
  const { budget, receive, metrics, traffic, clock } = options;
  const { name, provider } = source;
  const conclude = (outcome: Outcome): void => {
    metrics.requests.inc({ source: name, outcome });
    traffic.count(name, outcome);
  };

  app.setErrorHandler((error: Error, request, reply) => {
    const refusal = error instanceof Refusal ? error : unforeseen(error, request);
    conclude(outcomeOf(refusal));
    if (refusal.kind !== 'unauthorized') {
      traffic.failure(name, refusal.kind, { requestId: request.id }, `webhook refused: ${refusal.message}`);
    }
    return handleError(refusal, request, reply);
  });

  // Hooks with a callback: see createHttpServer.
  app.addHook('onRequest', (request, _reply, done) => {
    const { headers } = request.raw;
    request.arrival = { at: clock(), monotonic: performance.now(), contentType: headers['content-type'] };
    if (headers['content-type'] !== undefined) headers['content-type'] = 'application/octet-stream';
    // Cheap checks before a byte of the body is read.
    const failure = provider.checkHeader(headerText(headers[provider.signatureHeader]));
    if (failure !== null) unauthorized(request, failure).then(done, done);
    else if (budget.full) done(new Refusal('overloaded', 'the gateway holds as many webhooks as it may'));
    else done();
  });

  app.post(source.path, async (request, reply) => {
    const { arrival } = request;
    const { headers } = request.raw;
    if (arrival.contentType !== undefined) headers['content-type'] = arrival.contentType;
    const { bytes, lease } = (request.body as RawBody | undefined) ?? emptyBody(budget);
    const webhook = { source, requestId: request.id, receivedAt: arrival.at, headers, body: bytes, lease };
    const received = await receive(webhook);
    if (!received.ok) throw await unauthorized(request, received.reason);
    conclude(received.accepted);
    const seconds = (performance.now() - arrival.monotonic) / 1000;
    metrics.ackDuration.observe({ source: name, accepted: received.accepted }, seconds);
    if (options.logger.isLevelEnabled('debug')) {
      options.logger.debug({ requestId: request.id, source: name, accepted: received.accepted }, 'webhook accepted');
    }
    return accept(reply, received.accepted);
  });

  async function unauthorized(request: FastifyRequest, reason: SignatureFailure): Promise<Refusal> {
    metrics.signatureFailures.inc({ source: name, reason });
    const { ip, id: requestId } = request;
    traffic.failure(name, reason, { requestId, ip }, 'webhook refused: signature');
    if (await options.limiter.tooMany(request, 'signature')) {
      return new Refusal('rate_limited', 'too many requests without a valid signature from this address');
    }
    return new Refusal('unauthorized', 'the signature is missing or wrong');
  }
}

function accept(reply: FastifyReply, accepted: string): FastifyReply {
  return reply
    .code(200)
    .header('x-webhook-accepted', accepted)
    .header('content-type', 'application/json; charset=utf-8')
    .send(ANSWER);
}

/** A defect of ours is an outage to the provider: it must send the webhook again. */
function unforeseen(error: Error, request: FastifyRequest): Refusal {
  request.log.error({ err: error, requestId: request.id }, 'a webhook failed unexpectedly');
  return new Refusal('unavailable', 'the gateway could not keep this webhook');
}

function outcomeOf({ kind }: Refusal): Outcome {
  return OUTCOMES.find((outcome) => outcome === kind) ?? 'bad_request';
}

function emptyBody(budget: ByteBudget): RawBody {
  const lease = budget.open(() => undefined);
  lease.complete();
  return { bytes: Buffer.alloc(0), lease };
}

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}
