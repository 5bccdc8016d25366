/** `/openapi.json`: the API's description of itself. */
import { z } from 'zod';
import { type Endpoint, endpoint } from '../../api/endpoint.ts';
import { type OpenApiOptions, openApiDocument } from '../../api/openapi.ts';

/** @param endpoints all others */
export function withOpenApi(endpoints: readonly Endpoint[], options: OpenApiOptions): Endpoint[] {
  const own = endpoint({
    method: 'GET',
    path: '/openapi.json',
    scope: null,
    summary: 'This document',
    success: { status: 200, description: 'OpenAPI 3.1', schema: z.record(z.string(), z.unknown()) },
    async handle() {
      // Not at the start, of whose work it would be a twentieth.
      document ??= openApiDocument(all, options);
      return document;
    },
  });
  const all = [...endpoints, own];
  let document: ReturnType<typeof openApiDocument> | undefined;
  return all;
}
