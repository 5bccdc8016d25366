/** Calls of the API. What goes wrong is said in one sentence that names the fix. */
import { setTimeout as sleep } from 'node:timers/promises';
import { StartupError } from '../../core/errors.ts';
import { SERVICE, VERSION } from '../../package.ts';
import type { Place } from './place.ts';
import { visible } from './table.ts';

/** Milliseconds for an answer, but for streams. A list may search for three seconds. */
const TIME_LIMIT = 30_000;

export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface CallOptions {
  readonly query?: Query;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A call that failed. */
export class ApiError extends StartupError {
  /** Null: there was no answer. */
  readonly status: number | null;

  constructor(message: string, status: number | null) {
    super(message);
    this.status = status;
  }

  /** May the same call succeed in a moment, since the gateway or its database is away? */
  get passing(): boolean {
    return this.status === null || this.status === 429 || this.status >= 500;
  }
}

export class ApiClient {
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
  }

  get url(): string {
    return this.#place.url;
  }

  /** For what is derived from it. */
  get key(): string {
    return this.#place.key;
  }

  async get<Answer>(path: string, query: Query = {}): Promise<Answer> {
    return this.#read(await this.text('GET', path, { query }));
  }

  async post<Answer>(path: string, body: unknown = {}): Promise<Answer> {
    return this.#read(await this.text('POST', path, { body }));
  }

  async patch<Answer>(path: string, body: unknown): Promise<Answer> {
    return this.#read(await this.text('PATCH', path, { body }));
  }

  async delete(path: string, query: Query = {}): Promise<void> {
    await this.text('DELETE', path, { query });
  }

  #read<Answer>(text: string): Answer {
    try {
      return JSON.parse(text) as Answer;
    } catch {
      throw this.#stranger('200');
    }
  }

  /** The answer as it was written, whose numbers may have more digits than a double. @throws ApiError */
  async text(method: string, path: string, options: CallOptions = {}): Promise<string> {
    return (await this.bytes(method, path, options)).toString('utf8');
  }

  async bytes(method: string, path: string, options: CallOptions = {}): Promise<Buffer> {
    const limit = AbortSignal.timeout(TIME_LIMIT);
    const signal = options.signal === undefined ? limit : AbortSignal.any([limit, options.signal]);
    const response = await this.open(method, path, { ...options, signal });
    try {
      return Buffer.from(await response.arrayBuffer());
    } catch (error) {
      throw this.#noAnswer(error);
    }
  }

  /** An answer whose body has not been read yet. @throws ApiError */
  async open(
    method: string,
    path: string,
    { query = {}, body, headers = {}, signal }: CallOptions = {},
  ): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(`${this.#place.url}${path}${queryText(query)}`, {
        method,
        redirect: 'manual',
        headers: {
          authorization: `Bearer ${this.#place.key}`,
          'user-agent': `${SERVICE}/${VERSION}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      throw this.#noAnswer(error);
    }
    if (response.ok) return response;
    throw this.#refused(response, await response.text().catch(() => ''));
  }

  #noAnswer(error: unknown): ApiError {
    const { name, cause } = error as { name: string; cause?: { code?: string; message?: string } };
    const why = name === 'TimeoutError' ? `not within ${TIME_LIMIT / 1000} s` : (cause?.code ?? cause?.message ?? name);
    return new ApiError(
      `${this.#place.url} does not answer (${why}). Is the gateway running (npm start)? Another one is named by --url.`,
      null,
    );
  }

  #refused({ status, headers }: Response, text: string): ApiError {
    const error = errorOf(text);
    if (error === null) {
      const location = headers.get('location');
      return this.#stranger(location === null ? `${status}` : `${status} and sends to ${visible(location)}`, status);
    }
    // Of one field the sentence may be all that there is to say.
    const more = (error.details ?? []).filter(({ message }) => message !== error.message);
    const details = more.map(({ path, message }) => `\n  - ${visible(path === '' ? message : `${path}: ${message}`)}`);
    return new ApiError(`${visible(error.message)}${this.#advice(status, error.message)}${details.join('')}`, status);
  }

  /** Something answers, but no gateway: a proxy's page, for instance. */
  #stranger(answer: string, status = 200): ApiError {
    return new ApiError(`${this.#place.url} answers ${answer}, not as the API of a gateway does. Check --url.`, status);
  }

  #advice(status: number, message: string): string {
    if (status === 401) return `. It was ${this.#place.keyName}; --key-file or WEBHOOK_GATEWAY_KEY name another.`;
    if (status === 403 && message.includes('scope')) {
      return `. It was ${this.#place.keyName}; name one that may with --key-file or WEBHOOK_GATEWAY_KEY.`;
    }
    if (status === 404 && message.includes('path'))
      return `. Is ${this.#place.url} a gateway of this version (${VERSION})?`;
    return '';
  }
}

interface ErrorAnswer {
  readonly message: string;
  readonly details?: readonly { readonly path: string; readonly message: string }[];
}

function errorOf(text: string): ErrorAnswer | null {
  try {
    const { error } = JSON.parse(text) as { error?: ErrorAnswer };
    return typeof error?.message === 'string' ? error : null;
  } catch {
    return null;
  }
}

function queryText(query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value));
  return parameters.size === 0 ? '' : `?${parameters}`;
}

/** Calls until the gateway is there, for work that a restart of it does not end. @throws what is not passing, or the abort */
export async function untilThere<T>(
  call: () => Promise<T>,
  signal: AbortSignal,
  onAway: (error: ApiError) => void,
): Promise<T> {
  for (let away = false; ; away = true) {
    try {
      return await call();
    } catch (error) {
      if (signal.aborted || !(error instanceof ApiError) || !error.passing) throw error;
      if (!away) onAway(error);
    }
    await sleep(1_000, undefined, { signal });
  }
}
