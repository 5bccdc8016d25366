/** The OpenAPI document, made of the endpoints and of the very schemas that requests are checked against. */
import { z } from 'zod';
import { type ErrorCode, STATUS } from '../errors.ts';
import type { Endpoint } from './endpoint.ts';

export interface OpenApiOptions {
  /** Path below which the endpoints stand. */
  readonly prefix: string;
  readonly version: string;
}

type Json = Record<string, unknown>;

/** What every call with a key can be answered. */
const COMMON: readonly ErrorCode[] = ['bad_request', 'unauthorized', 'forbidden', 'rate_limited', 'unavailable'];
/** What a call with a body can be answered as well. */
const OF_BODIES: readonly ErrorCode[] = ['too_large', 'unsupported_media_type'];

const errorSchema = z
  .object({
    error: z.object({
      code: z.enum(Object.keys(STATUS) as [ErrorCode, ...ErrorCode[]]),
      message: z.string(),
      requestId: z.string(),
      details: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    }),
  })
  .meta({ id: 'Error' });

export function openApiDocument(endpoints: readonly Endpoint[], { prefix, version }: OpenApiOptions): Json {
  const schemas: Json = {};
  const paths: Record<string, Json> = {};
  for (const endpoint of endpoints) {
    const path = `${prefix}${endpoint.path.replace(/:(\w+)/g, '{$1}')}`;
    paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: operation(endpoint, schemas) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Webhook gateway', version, license: { name: 'MIT', identifier: 'MIT' } },
    paths,
    components: {
      schemas: { ...schemas, Error: toSchema(errorSchema, 'output', schemas, true) },
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'A key of the gateway, or ADMIN_API_KEY' },
      },
    },
  };
}

function operation(endpoint: Endpoint, schemas: Json): Json {
  const { method, path, scope, summary, description, params, query, headers, body, success } = endpoint;
  const [, tag = ''] = path.split('/');
  const needs = scope === null ? 'Needs no key.' : `Needs a key with the scope \`${scope}\`.`;
  return {
    operationId: `${method.toLowerCase()}${path.replace(/[/:.-]+(\w)/g, (_, letter: string) => letter.toUpperCase())}`,
    tags: [tag],
    summary,
    description: [description, needs].filter(Boolean).join(' '),
    security: scope === null ? [] : [{ key: [scope] }],
    parameters: [...parameters('path', params), ...parameters('query', query), ...parameters('header', headers)],
    ...(body === null ? {} : { requestBody: requestBody(body, schemas) }),
    responses: { [success.status]: answer(success, schemas), ...refusals(endpoint) },
  };
}

function parameters(place: 'path' | 'query' | 'header', schema: z.ZodType): Json[] {
  const { properties = {}, required = [] } = toSchema(schema, 'input', {}) as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}

function requestBody(schema: z.ZodType, schemas: Json): Json {
  const optional = schema.safeParse(undefined).success;
  return { required: !optional, content: { 'application/json': { schema: toSchema(schema, 'input', schemas) } } };
}

function answer({ description, schema, contentType }: Endpoint['success'], schemas: Json): Json {
  if (schema !== undefined) {
    return { description, content: { 'application/json': { schema: toSchema(schema, 'output', schemas) } } };
  }
  return contentType === undefined ? { description } : { description, content: { [contentType]: {} } };
}

function refusals({ scope, body, refusals: own = [] }: Endpoint): Json {
  const common = scope === null ? (['forbidden', 'rate_limited'] as const) : COMMON;
  const codes = [...common, ...(body === null ? [] : OF_BODIES), ...own];
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) byStatus.set(STATUS[code], [...(byStatus.get(STATUS[code]) ?? []), code]);
  const schema = { $ref: '#/components/schemas/Error' };
  return Object.fromEntries(
    [...byStatus].map(([status, names]) => [
      status,
      { description: names.join(', '), content: { 'application/json': { schema } } },
    ]),
  );
}

/** Named schemas go into `schemas`, and are referred to; `inline` gives a named one itself. */
function toSchema(schema: z.ZodType, io: 'input' | 'output', schemas: Json, inline = false): Json {
  const json = z.toJSONSchema(schema, {
    io,
    override({ jsonSchema }) {
      // The pattern says the same as the format, in 300 characters.
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
      // A later release may answer more than this one.
      if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  });
  const text = JSON.stringify(json).replaceAll('"#/$defs/', '"#/components/schemas/');
  const { $schema: _, $defs = {}, ...own } = JSON.parse(text) as Json & { $defs?: Json };
  const name = typeof own['$ref'] === 'string' ? own['$ref'].replace('#/components/schemas/', '') : null;
  if (inline && name !== null) return $defs[name] as Json;
  Object.assign(schemas, $defs);
  return own;
}
