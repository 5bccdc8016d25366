/** A client of `GET /stream`, as any program would write it. */
import { ADMIN_KEY } from './api.ts';
import { until } from './until.ts';

export interface StreamedEvent {
  readonly position: number;
  readonly webhookId: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever a test looks into
  readonly event: any;
  readonly headers?: Record<string, string>;
  readonly bodyBase64?: string | null;
}

export interface Frame {
  readonly id?: string;
  readonly event?: string;
  readonly retry?: string;
  /** Parsed. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever a test looks into
  readonly data?: any;
  /** True for a comment that keeps the connection open. */
  readonly alive?: boolean;
}

export interface StreamClient {
  readonly response: Response;
  /** All so far. */
  readonly frames: readonly Frame[];
  readonly events: () => StreamedEvent[];
  /** Position at which it began. */
  ready(): Promise<number>;
  /** Waits until so many events have come. */
  count(events: number): Promise<StreamedEvent[]>;
  /** Waits for the server to end it. Resolves to the reason that it gave; null: none. */
  ended(): Promise<string | null>;
  /** Goes. Idempotent. */
  close(): void;
}

export interface StreamClientOptions {
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** @param base of the API @param query for instance `?after=0` */
export async function openStream(base: string, query = '', options: StreamClientOptions = {}): Promise<StreamClient> {
  const { key = ADMIN_KEY, headers = {} } = options;
  const stop = new AbortController();
  const response = await fetch(`${base}/stream${query}`, {
    headers: { authorization: `Bearer ${key}`, ...headers },
    signal: stop.signal,
  });
  const frames: Frame[] = [];
  let ended = false;
  const reading = async () => {
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      const parts = (text + decoder.decode(chunk, { stream: true })).split('\n\n');
      text = parts.pop() ?? '';
      frames.push(...parts.map(parseFrame));
    }
  };
  reading()
    .catch(() => undefined)
    .finally(() => {
      ended = true;
    });
  const events = () => frames.filter(({ event }) => event === 'webhook').map(({ data }) => data as StreamedEvent);
  return {
    response,
    frames,
    events,
    async ready() {
      const frame = await until('the stream to be ready', () => frames.find(({ event }) => event === 'ready'));
      return frame.data.position;
    },
    async count(expected) {
      await until(`${expected} events`, () => events().length >= expected);
      return events();
    },
    async ended() {
      await until('the stream to end', () => ended);
      return frames.find(({ event }) => event === 'end')?.data.reason ?? null;
    },
    close: () => stop.abort(),
  };
}

function parseFrame(text: string): Frame {
  if (text.startsWith(':')) return { alive: true };
  const fields = text.split('\n').map((line) => {
    const at = line.indexOf(': ');
    const [name, value] = [line.slice(0, at), line.slice(at + 2)];
    return [name, name === 'data' ? JSON.parse(value) : value];
  });
  return Object.fromEntries(fields);
}
