/** The streams of a process: opened, counted, and ended when it stops. */
import { randomUUID } from 'node:crypto';
import type { DispatchSignals } from '../core/dispatch.ts';
import { Refusal } from '../core/errors.ts';
import type { FollowedEvents, FollowerStore, Position, PositionReader } from '../core/follower.ts';
import { ByteShares } from './byte-shares.ts';
import { createFeed } from './feed.ts';
import { follow } from './follow.ts';
import { followAcknowledged } from './follow-acknowledged.ts';
import { end, type StreamMessage } from './message.ts';
import { checkCondition, checkPosition, noFollower } from './refusals.ts';
import type { Origins } from './render.ts';
import { PositionWatch } from './watch.ts';

/** Each asks PostgreSQL, and has up to a page in memory (see `MAX_HELD_BYTES` for what all have together). */
const MAX_STREAMS = 100;

export type StreamWish =
  | { readonly followerId: string }
  /** `after` null: from now on. */
  | (FollowedEvents & { readonly after: Position | null });

export interface OpenStream {
  /** The data of each is there until the next is asked for, and must have been passed on by then. */
  readonly messages: AsyncIterable<StreamMessage>;
  /** Aborts when the process stops, and with `close`. */
  readonly ending: AbortSignal;
  /** Nobody reads it any more. To be called in any case. Idempotent. */
  close(): void;
}

export interface Streams {
  /** @throws Refusal; StoreError */
  open(wish: StreamWish): Promise<OpenStream>;
  /** Tells every reader that this process stops, and takes no further one. Idempotent. */
  end(): void;
  /** The same, and waits for nobody. To be called before the storage is closed. Idempotent. */
  close(): Promise<void>;
}

export interface StreamsOptions {
  readonly reader: PositionReader;
  readonly store: Pick<FollowerStore, 'connect' | 'advance'>;
  /** Positions have been given or acknowledged, or a follower has another stream. */
  readonly signals: Pick<DispatchSignals, 'listen'>;
  readonly origins: Origins;
  readonly maxStreams?: number;
  /** What they may hold together. */
  readonly shares?: Pick<ByteShares, 'take'>;
}

type Ending = 'stopping' | 'left';

export function createStreams(options: StreamsOptions): Streams {
  const { reader, store, signals, origins, maxStreams = MAX_STREAMS, shares = new ByteShares() } = options;
  const watch = new PositionWatch({ reader, signals });
  const controllers = new Set<AbortController>();
  const open = new Set<OpenStream>();
  let stopping = false;
  const start = async (wish: StreamWish, signal: AbortSignal): Promise<AsyncIterable<StreamMessage>> => {
    const last = await reader.last();
    if ('followerId' in wish) {
      const connection = randomUUID();
      const follower = await store.connect(wish.followerId, connection);
      if (follower === null) throw noFollower();
      watch.join(last);
      const feed = createFeed({ reader, shares, origins, ...follower, signal });
      return followAcknowledged({ feed, watch, store, follower, connection, origins, signal });
    }
    checkCondition(wish.filter);
    const after = checkPosition(wish.after, last);
    watch.join(last);
    const feed = createFeed({ reader, shares, origins, ...wish, signal });
    return follow({ feed, watch, after, origins, format: wish.format, signal });
  };
  const endAll = () => {
    stopping = true;
    for (const controller of controllers) controller.abort('stopping' satisfies Ending);
  };
  return {
    async open(wish) {
      if (stopping) throw new Refusal('unavailable', 'this process stops');
      if (controllers.size >= maxStreams) {
        const message = `this process has ${maxStreams} streams open, and serves no more at a time`;
        throw new Refusal('unavailable', message);
      }
      const controller = new AbortController();
      const { signal } = controller;
      controllers.add(controller);
      try {
        const messages = untilStop(await start(wish, signal), signal);
        const stream = {
          messages,
          ending: signal,
          close() {
            if (!controllers.delete(controller)) return;
            open.delete(stream);
            controller.abort('left' satisfies Ending);
            watch.leave();
          },
        };
        open.add(stream);
        return stream;
      } catch (error) {
        controllers.delete(controller);
        throw error;
      }
    },
    end: endAll,
    async close() {
      endAll();
      for (const stream of open) stream.close();
      await watch.idle();
    },
  };
}

async function* untilStop(messages: AsyncIterable<StreamMessage>, signal: AbortSignal): AsyncGenerator<StreamMessage> {
  yield* messages;
  if (signal.reason === ('stopping' satisfies Ending)) yield end('stopping');
}
