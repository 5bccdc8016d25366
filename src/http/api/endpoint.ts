/** What an endpoint of the API is: declared once, and both its route and its place in the OpenAPI document are made of it. */
import { z } from 'zod';
import type { Scope } from '../../core/api-key.ts';
import type { Actor } from '../../core/audit.ts';
import type { ErrorCode } from '../errors.ts';

/** What a handler gets: everything has been checked. */
export interface Call<Params, Query, Headers, Body> {
  readonly params: Params;
  readonly query: Query;
  /** Those that the endpoint declares. */
  readonly headers: Headers;
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
  readonly contentType?: 'application/octet-stream' | 'text/event-stream';
}

/** As it is declared. Schemas that are absent let nothing through: unknown fields are refused everywhere, but for headers. */
export interface EndpointDeclaration<P extends z.ZodType, Q extends z.ZodType, H extends z.ZodType, B extends z.ZodType>
  extends EndpointFacts {
  readonly params?: P;
  readonly query?: Q;
  readonly headers?: H;
  readonly body?: B;
  /** What is answered: a value for JSON, a `JsonText`, a Buffer, or an `EventStream`. @throws Refusal */
  readonly handle: (call: Call<z.output<P>, z.output<Q>, z.output<H>, z.output<B>>) => Promise<unknown>;
}

export interface Endpoint extends EndpointFacts {
  readonly params: z.ZodType;
  readonly query: z.ZodType;
  /** By their names in lower case; what it does not name it leaves out. */
  readonly headers: z.ZodType;
  /** Null: it takes none. */
  readonly body: z.ZodType | null;
  readonly handle: (call: Call<never, never, never, never>) => Promise<unknown>;
}

const NOTHING = z.strictObject({});
type Nothing = typeof NOTHING;
const NO_HEADERS = z.object({});
/** What a call without a body may have: many clients send an empty object with every POST. */
export const NO_BODY = NOTHING.optional();

export function endpoint<
  P extends z.ZodType = Nothing,
  Q extends z.ZodType = Nothing,
  H extends z.ZodType = typeof NO_HEADERS,
  B extends z.ZodType = Nothing,
>(declaration: EndpointDeclaration<P, Q, H, B>): Endpoint {
  const { params = NOTHING, query = NOTHING, headers = NO_HEADERS, body = null } = declaration;
  return { ...declaration, params, query, headers, body };
}

/** An answer that is JSON text already: parsed and printed again, its long numbers would lose digits. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** One of the Server-Sent Events. */
export interface ServerSentEvent {
  readonly id?: number;
  readonly event: string;
  /** Without line breaks. */
  readonly data: string;
}

/** An answer that goes on for as long as both sides like. */
export class EventStream {
  /** Each may be read until the next is asked for: by then it is written out. */
  readonly messages: AsyncIterable<ServerSentEvent>;
  /** Aborts when there is no time left but for a last message; and with `close`, which ends the messages. */
  readonly ending: AbortSignal;
  /** Called when nobody reads it any more, maybe more than once. */
  readonly close: () => void;

  constructor({ messages, ending, close }: EventStream) {
    this.messages = messages;
    this.ending = ending;
    this.close = close;
  }
}
