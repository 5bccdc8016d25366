/**
 * Counts what one address does wrong, and says when it is too much. Called by hand after a failure, never before a
 * verification: a webhook whose signature is right is answered, wherever it comes from.
 */
import { isIP } from 'node:net';
import rateLimit, { type RateLimitOptions } from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** What is counted, each by itself. */
const BUCKETS = ['signature', 'handshake', 'unknown-route', 'ops', 'admin'] as const;
export type FailureBucket = (typeof BUCKETS)[number];

const WINDOW_MS = 60_000;
/** Addresses remembered without Redis; about 250 bytes each. The oldest is forgotten first. */
const REMEMBERED_ADDRESSES = 50_000;

/** Redis, so that all processes count together. */
export interface SharedCounters {
  /** The client for the rate limiter's own script. */
  readonly client: unknown;
  /** Runs the operation under a deadline; `fallback` on any fault. Never rejects. */
  run<T>(operation: () => Promise<T>, fallback: T): Promise<T>;
}

export interface FailureLimiter {
  /** Counts one failure of the request's address (of IPv6 its /64). True if there were too many within the last minute. */
  tooMany(request: FastifyRequest, bucket: FailureBucket): Promise<boolean>;
  /** The same without counting one: true once `tooMany` was. */
  hadTooMany(request: FastifyRequest, bucket: FailureBucket): Promise<boolean>;
}

/** Of IPv6 the /64: one subscriber has at least that much. A proxy may pass on text that is no address, of any length. */
function clientOf(ip: string): string {
  return isIP(ip) === 0 ? 'no address' : rateLimit.normalizeIP(ip);
}

/** @param max failures of one kind that an address may have in a minute */
export async function createFailureLimiter(
  app: FastifyInstance,
  max: number,
  shared: SharedCounters | null,
): Promise<FailureLimiter> {
  await app.register(rateLimit, {
    global: false,
    skipOnError: true,
    nameSpace: 'whg:failures:',
    cache: REMEMBERED_ADDRESSES,
    ...(shared === null ? {} : { redis: shared.client }),
  });
  const limiters = new Map(
    BUCKETS.map((bucket) => {
      const options: RateLimitOptions = {
        max,
        timeWindow: WINDOW_MS,
        cache: REMEMBERED_ADDRESSES,
        keyGenerator: (request) => `${bucket}:${clientOf(request.ip)}`,
      };
      return [bucket, app.createRateLimit(options)];
    }),
  );
  const look = async (request: FastifyRequest, bucket: FailureBucket, increment: boolean): Promise<boolean> => {
    const exceeded = async () => {
      const result = await limiters.get(bucket)?.(request, { increment });
      return result !== undefined && 'isExceeded' in result && result.isExceeded;
    };
    return shared === null ? exceeded() : shared.run(exceeded, false);
  };
  return {
    tooMany: (request, bucket) => look(request, bucket, true),
    hadTooMany: (request, bucket) => look(request, bucket, false),
  };
}
