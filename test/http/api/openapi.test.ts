/** The OpenAPI document: valid, complete, and the same for everybody. */
import { Validator } from '@seriousme/openapi-schema-validator';
import Fastify from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApi } from '../../../src/api.ts';
import { loadConfig } from '../../../src/config.ts';
import { apiRoutes } from '../../../src/http/api/api-scope.ts';
import { type ApiPlace, ENDPOINTS, openApi } from '../../support/api.ts';

let place: ApiPlace;
let document: {
  readonly paths: Record<string, Record<string, Record<string, unknown>>>;
  readonly components: { readonly schemas: Record<string, unknown> };
};

beforeAll(async () => {
  place = await openApi();
  document = (await place.call('GET /openapi.json', { key: null })).json;
});
afterAll(() => place.close());

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
  );

test('is valid OpenAPI 3.1', async () => {
  const validator = new Validator();
  const { valid, errors } = await validator.validate(structuredClone(document));
  expect(errors).toBeUndefined();
  expect([valid, validator.version]).toEqual([true, '3.1']);
});

test('holds every route that is registered, and no other', async () => {
  const { storage } = place.gateway.gateway;
  const { endpoints } = createApi({
    config: loadConfig({}),
    storage,
    ingest: { activity: () => ({ queueDepth: 0, breakerOpen: false }) } as never,
    spool: null,
    deliveries: {
      sendTrial: () => Promise.reject(new Error('nothing is sent here')),
      replayOrdered: () => undefined,
    },
    generate: () => 'x'.repeat(16),
    clock: () => new Date(),
  });
  const app = Fastify();
  const registered: string[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    if (method !== 'HEAD') registered.push(`${method} ${url}`);
  });
  const auth = {
    install: () => undefined,
    check: async () => undefined,
    stillMay: async () => true,
    actor: () => ({ actor: '', ip: '' }),
  };
  await app.register(apiRoutes({ endpoints, auth, origins: [] }));
  await app.ready();
  await app.close();
  expect(operations().sort()).toEqual(registered.sort());
});

test('describes the endpoints that the other tests check every answer against', () => {
  const checked = ENDPOINTS.map(({ method, path }) => `${method} /api/v1${path}`);
  expect(
    operations()
      .filter((operation) => !operation.endsWith('/openapi.json'))
      .sort(),
  ).toEqual(checked.sort());
});

test('names each operation once, and says which scope it needs', () => {
  const all = Object.values(document.paths).flatMap((methods) => Object.values(methods));
  const ids = all.map((operation) => operation['operationId']);
  expect(new Set(ids).size).toBe(ids.length);
  for (const operation of all) expect(operation['description']).toMatch(/Needs (no key|a key with the scope `\w+`)\./);
});

test('refers to nothing that it does not hold, and holds nothing that nobody refers to', () => {
  const text = JSON.stringify(document);
  const referred = new Set([...text.matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name));
  expect([...referred].sort()).toEqual(Object.keys(document.components.schemas).sort());
});

test('describes parameters and bodies as they are checked', () => {
  const { get } = document.paths['/api/v1/events'] ?? {};
  expect(get?.['parameters']).toContainEqual(
    expect.objectContaining({
      name: 'limit',
      in: 'query',
      required: false,
      schema: { type: 'integer', minimum: 1, maximum: 100, default: 50 },
    }),
  );
  const { post } = document.paths['/api/v1/destinations'] ?? {};
  expect(post?.['requestBody']).toMatchObject({
    required: true,
    content: { 'application/json': { schema: { required: ['name', 'target'], additionalProperties: false } } },
  });
});
