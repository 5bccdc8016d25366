/** The API as its users call it. Every good answer is held against the schema that the OpenAPI document is made of. */
import { expect } from 'vitest';
import type { Endpoint } from '../../src/http/api/endpoint.ts';
import { auditEndpoints } from '../../src/http/routes/api/audit.ts';
import { deliveryEndpoints } from '../../src/http/routes/api/deliveries.ts';
import { destinationEndpoints } from '../../src/http/routes/api/destinations.ts';
import { eventEndpoints } from '../../src/http/routes/api/events.ts';
import { followerEndpoints } from '../../src/http/routes/api/followers.ts';
import { keyEndpoints } from '../../src/http/routes/api/keys.ts';
import { replayEndpoints } from '../../src/http/routes/api/replays.ts';
import { statusEndpoints } from '../../src/http/routes/api/status.ts';
import { streamEndpoints } from '../../src/http/routes/api/stream.ts';
import { createDatabase, type TestDatabase } from './database.ts';
import { startTestGateway, type TestGateway } from './gateway.ts';

/** For `ADMIN_API_KEY`. */
export const ADMIN_KEY = 'first-key-of-the-suite';

/** As they are declared; nothing stands behind them. */
export const ENDPOINTS: readonly Endpoint[] = [
  auditEndpoints,
  deliveryEndpoints,
  destinationEndpoints,
  eventEndpoints,
  followerEndpoints,
  keyEndpoints,
  replayEndpoints,
  statusEndpoints,
  streamEndpoints,
].flatMap((endpoints) => endpoints({} as never));

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  // biome-ignore lint/suspicious/noExplicitAny: whatever a test looks into
  readonly json: any;
}

export interface CallOptions {
  /** Default: `ADMIN_KEY`; null: none. */
  readonly key?: string | null;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export type CallApi = (call: string, options?: CallOptions) => Promise<ApiAnswer>;

/** @param base for instance `http://127.0.0.1:3000/api/v1` @returns for calls such as `GET /events?limit=1` */
export function apiClient(base: string): CallApi {
  return async (call, { key = ADMIN_KEY, body, headers = {} } = {}) => {
    const [method = '', path = ''] = call.split(' ');
    const response = await fetch(`${base}${path}`, {
      method,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const endless = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
    if (endless) await response.body?.cancel();
    const bytes = endless ? Buffer.alloc(0) : Buffer.from(await response.arrayBuffer());
    const isJson = response.headers.get('content-type')?.startsWith('application/json') && bytes.length > 0;
    const answer = { status: response.status, headers: response.headers, bytes, json: isJson ? parse(bytes) : null };
    if (response.ok) expectAsDescribed(method, path, answer);
    return answer;
  };
}

function parse(bytes: Buffer): unknown {
  return JSON.parse(bytes.toString());
}

function expectAsDescribed(method: string, path: string, { status, json }: ApiAnswer): void {
  const pathOnly = path.split('?', 1)[0] ?? '';
  const found = ENDPOINTS.find(({ method: its, path: pattern }) => {
    return its === method && new RegExp(`^${pattern.replace(/:\w+/g, '[^/]+')}$`).test(pathOnly);
  });
  if (found === undefined) return;
  expect(status).toBe(found.success.status);
  // What the schema does not know is left out by it.
  if (found.success.schema !== undefined) expect(found.success.schema.parse(json)).toEqual(json);
}

/** A gateway with the API, on a database of its own. */
export interface ApiPlace {
  readonly database: TestDatabase;
  readonly gateway: TestGateway;
  readonly call: CallApi;
  close(): Promise<void>;
}

/** The environment of a gateway whose API `apiClient` can call. */
export const API_ENVIRONMENT = {
  ADMIN_API_KEY: ADMIN_KEY,
  ENCRYPTION_KEYS: Buffer.alloc(32, 7).toString('base64'),
};

export async function openApi(environment: Record<string, string> = {}): Promise<ApiPlace> {
  const database = await createDatabase();
  const gateway = await startTestGateway({ DATABASE_URL: database.url, ...API_ENVIRONMENT, ...environment });
  return {
    database,
    gateway,
    call: apiClient(gateway.gateway.apiUrl ?? ''),
    async close() {
      await gateway.stop();
      await database.drop();
    },
  };
}
