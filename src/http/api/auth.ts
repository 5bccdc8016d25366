/** Who may call the API: the network first, then how often it went wrong, then the key, then what the key is good for. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Caller, KeyCheck } from '../../admin/key-check.ts';
import { type Scope, scopeCovers } from '../../core/api-key.ts';
import type { Actor } from '../../core/audit.ts';
import { Refusal } from '../../core/errors.ts';
import type { FailureLimiter } from '../failure-limiter.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Of the API only, where a key was asked for. */
    caller: Caller | null;
  }
}

export interface ApiAuthOptions {
  /** True for the networks of ADMIN_ALLOWED_IPS. */
  readonly allowed: (request: FastifyRequest) => boolean;
  readonly limiter: FailureLimiter;
  readonly checkKey: KeyCheck;
}

export interface ApiAuth {
  /** To be called once, before the routes. */
  install(app: FastifyInstance): void;
  /** @throws Refusal `forbidden`, `rate_limited` or `unauthorized`; StoreError if the key cannot be looked up */
  check(request: FastifyRequest, needed: Scope | null): Promise<void>;
  /** Would `check` let it pass now? Counts nothing. @throws StoreError if the key cannot be looked up */
  stillMay(request: FastifyRequest, needed: Scope | null): Promise<boolean>;
  /** Who calls, after `check`. */
  actor(request: FastifyRequest): Actor;
}

export function createApiAuth({ allowed, limiter, checkKey }: ApiAuthOptions): ApiAuth {
  /** Counts it as a failure of that address. */
  const fail = async (request: FastifyRequest, refusal: Refusal): Promise<never> => {
    throw (await limiter.tooMany(request, 'admin')) ? rateLimited() : refusal;
  };
  return {
    install(app) {
      app.decorateRequest('caller', null);
    },
    async check(request, needed) {
      if (!allowed(request)) {
        await fail(request, new Refusal('forbidden', 'this network may not use the API (ADMIN_ALLOWED_IPS)'));
      }
      if (needed === null) return;
      // A right key too: else guesses could go on beyond the limit until one is right.
      if (await limiter.hadTooMany(request, 'admin')) throw rateLimited();
      const verdict = await checkKey(bearerToken(request));
      if (!verdict.ok) return fail(request, new Refusal('unauthorized', verdict.reason));
      if (!scopeCovers(verdict.caller.scope, needed)) {
        const message = `this call needs a key with the scope ${needed}; this one has ${verdict.caller.scope}`;
        throw new Refusal('forbidden', message);
      }
      request.caller = verdict.caller;
    },
    async stillMay(request, needed) {
      if (needed === null) return true;
      const verdict = await checkKey(bearerToken(request));
      return verdict.ok && scopeCovers(verdict.caller.scope, needed);
    },
    actor: ({ caller, ip }) => ({ actor: caller?.id ?? 'nobody', ip }),
  };
}

function rateLimited(): Refusal {
  return new Refusal('rate_limited', 'too many refused calls from this address; wait a minute');
}

function bearerToken({ headers }: FastifyRequest): string | null {
  return /^Bearer +(\S+)$/i.exec(headers.authorization?.trim() ?? '')?.[1] ?? null;
}
