/** What an endpoint of the API is: declared once, and both its route and its place in the OpenAPI document are made of it. */
import { z } from 'zod';
import type { Scope } from '../../core/api-key.ts';
import type { Actor } from '../../core/audit.ts';
import type { ErrorCode } from '../errors.ts';

/** What a handler gets: everything has been checked. */
export interface Call<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** Who calls; goes into the audit log with every change. */
  readonly by: Actor;
}

interface EndpointFacts {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below `/api/v1`, with parameters in the router's form: `/events/:id`. */
  readonly path: string;
  /** What a key must be good for; null: no key is asked for. */
  readonly scope: Scope | null;
  /** One line. */
  readonly summary: string;
  readonly description?: string;
  readonly success: Success;
  /** Refusals beyond those that every endpoint has. */
  readonly refusals?: readonly ErrorCode[];
}

export interface Success {
  readonly status: 200 | 201 | 204;
  readonly description: string;
  /** Of the body; absent where there is none, or it is not JSON. */
  readonly schema?: z.ZodType;
  readonly contentType?: 'application/octet-stream';
}

/** As it is declared. Schemas that are absent let nothing through: unknown fields are refused everywhere. */
export interface EndpointDeclaration<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>
  extends EndpointFacts {
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** What is answered: a value for JSON, a `JsonText`, or a Buffer. @throws Refusal */
  readonly handle: (call: Call<z.output<P>, z.output<Q>, z.output<B>>) => Promise<unknown>;
}

export interface Endpoint extends EndpointFacts {
  readonly params: z.ZodType;
  readonly query: z.ZodType;
  /** Null: it takes none. */
  readonly body: z.ZodType | null;
  readonly handle: (call: Call<never, never, never>) => Promise<unknown>;
}

const NOTHING = z.strictObject({});
type Nothing = typeof NOTHING;
/** What a call without a body may have: many clients send an empty object with every POST. */
export const NO_BODY = NOTHING.optional();

export function endpoint<P extends z.ZodType = Nothing, Q extends z.ZodType = Nothing, B extends z.ZodType = Nothing>(
  declaration: EndpointDeclaration<P, Q, B>,
): Endpoint {
  const { params = NOTHING, query = NOTHING, body = null } = declaration;
  return { ...declaration, params, query, body };
}

/** An answer that is JSON text already: parsed and printed again, its long numbers would lose digits. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}
