/** The gateway's stream of events, which outlives cuts and restarts: `tail` and `listen` read it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventSourceMessage } from 'eventsource-parser';
import { z } from 'zod';
import { StartupError } from '../../core/errors.ts';
import { type ApiClient, ApiError, type Query } from './api-client.ts';
import { readMessages } from './sse-client.ts';

/** Milliseconds before the first attempt to come back, and at most. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 5_000;

const streamed = z.object({
  position: z.int(),
  webhookId: z.string(),
  event: z.object({
    id: z.string(),
    source: z.string(),
    provider: z.string(),
    type: z.string(),
    subject: z.string().nullable(),
    receivedAt: z.string(),
  }),
  /** With the format `native`. */
  headers: z.record(z.string(), z.string()).optional(),
  bodyBase64: z.string().nullable().optional(),
});

export interface StreamedEvent extends z.infer<typeof streamed> {
  /** The whole message: JSON in one line, with every digit of the payload's numbers. */
  readonly text: string;
}

export interface FollowOptions {
  readonly api: ApiClient;
  readonly query: Query;
  readonly signal: AbortSignal;
  /** Tells of cuts, in a sentence. */
  readonly onNotice: (sentence: string) => void;
}

const ENDS: Readonly<Record<string, string>> = {
  replaced: 'Somebody else listens under this name now.',
  removed: 'The gateway knows this follower no longer: somebody has removed it.',
  unauthorized: 'The key opens nothing any more.',
};

/**
 * Ends when the signal is aborted. After a cut it goes on behind the last event that has come.
 *
 * @throws ApiError if the first call fails, or a later one in a way that does not pass; StartupError if the gateway ends it
 */
export async function* followStream(options: FollowOptions): AsyncGenerator<StreamedEvent> {
  const { signal, onNotice } = options;
  const place: Place = { connected: 0, position: null };
  for (let pause = FIRST_PAUSE; !signal.aborted; pause = Math.min(LONGEST_PAUSE, pause * 2)) {
    const before = place.connected;
    const cut = yield* untilCut(options, place);
    if (signal.aborted) return;
    // Only once: while it is away nothing else is new.
    if (place.connected > before) {
      pause = FIRST_PAUSE;
      onNotice(cut === null ? 'The gateway stops: waiting for it to come back.' : `${cut}: trying again.`);
    }
    // From half of it on: not everybody is to come back at the same moment.
    await sleep(pause * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
  }
}

interface Place {
  /** How often. */
  connected: number;
  /** Behind which it goes on. */
  position: string | null;
}

/** @returns why it was cut; null after a stop */
async function* untilCut(options: FollowOptions, place: Place): AsyncGenerator<StreamedEvent, string | null> {
  try {
    yield* readOnce(options, place);
    return null;
  } catch (error) {
    if (options.signal.aborted) return null;
    if (place.connected === 0 || isFinal(error)) throw error;
    return `The connection is cut (${(error as Error).message})`;
  }
}

async function* readOnce({ api, query, signal, onNotice }: FollowOptions, place: Place): AsyncGenerator<StreamedEvent> {
  const response = await api.open('GET', '/stream', {
    query: place.position === null ? query : { ...query, after: undefined },
    headers: { accept: 'text/event-stream', ...(place.position === null ? {} : { 'last-event-id': place.position }) },
    signal,
  });
  if (response.body === null) return;
  for await (const message of readMessages(response.body)) {
    if (message.event === 'ready') {
      if (place.connected++ > 0) onNotice('Connected again.');
      place.position ??= positionOf(message);
    } else if (message.event === 'webhook') {
      const event = streamed.parse(JSON.parse(message.data));
      place.position = message.id ?? String(event.position);
      yield { ...event, text: message.data };
    } else if (message.event === 'end') {
      throwUnlessStopping(message);
      return;
    }
  }
  throw new Error('it ended');
}

function positionOf({ data }: EventSourceMessage): string {
  return String(z.object({ position: z.int() }).parse(JSON.parse(data)).position);
}

function throwUnlessStopping({ data }: EventSourceMessage): void {
  const { reason } = z.object({ reason: z.string() }).parse(JSON.parse(data));
  const sentence = ENDS[reason];
  if (sentence !== undefined) throw new StartupError(sentence);
}

/** A message that cannot be read would come again each time. */
function isFinal(error: unknown): boolean {
  if (error instanceof ApiError) return !error.passing;
  return error instanceof StartupError || error instanceof SyntaxError || error instanceof z.ZodError;
}
