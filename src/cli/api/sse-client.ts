/** Server-Sent Events, read off the body of an answer. */
import { createParser, type EventSourceMessage } from 'eventsource-parser';

/** The gateway says something every 15 s; after this many milliseconds of silence the connection is taken for dead. */
export const SILENCE_MS = 45_000;
/** No message is larger: a body has 4 MiB at most, which base64 and an envelope make longer. */
const MAX_BUFFER = 64 * 1024 * 1024;

/**
 * The messages of a stream until it ends. What was cut in the middle is dropped.
 *
 * @param body rejects where the connection breaks; cancelled when nobody reads on
 * @throws Error if the connection broke, or nothing came for too long
 */
export async function* readMessages(
  body: AsyncIterable<Uint8Array>,
  silenceMs: number = SILENCE_MS,
): AsyncGenerator<EventSourceMessage> {
  const messages: EventSourceMessage[] = [];
  const fault: { error?: Error } = {};
  const parser = createParser({
    onEvent: (message) => messages.push(message),
    onError: (error) => {
      // Of fields that are unknown nothing is known that would be missed.
      if (error.type === 'max-buffer-size-exceeded') fault.error = error;
    },
    maxBufferSize: MAX_BUFFER,
  });
  const decoder = new TextDecoder();
  for await (const chunk of withinSilence(body, silenceMs)) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    yield* messages.splice(0);
    if (fault.error !== undefined) throw fault.error;
  }
}

async function* withinSilence(body: AsyncIterable<Uint8Array>, silenceMs: number): AsyncGenerator<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await orSilence(chunks.next(), silenceMs);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // Not waited for: of a dead connection it may never come.
    void Promise.resolve(chunks.return?.()).catch(() => undefined);
  }
}

async function orSilence<T>(next: Promise<T>, silenceMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came for ${silenceMs / 1000} s`)), silenceMs);
  });
  try {
    return await Promise.race([next, silence]);
  } finally {
    clearTimeout(timer);
  }
}
