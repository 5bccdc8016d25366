/** Wanted events in the order of their positions: what a stream with acknowledgements and one without have in common. */
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreError } from '../core/errors.ts';
import type {
  EventSummary,
  FollowedEvents,
  PageWish,
  Position,
  PositionedEvent,
  PositionReader,
} from '../core/follower.ts';
import type { JsonObject } from '../core/json.ts';
import { type CompiledFilter, compileFilter } from '../dispatch/route.ts';
import type { ByteShares, Share } from './byte-shares.ts';
import { FeedPage, HELD_PER_BYTE } from './feed-page.ts';
import { type Origins, sendsBodyAsReceived } from './render.ts';

/** What is asked for at a time, unless a single event has more. */
const PAGE = { positions: 200, bytes: 256 * 1024 };
/** Milliseconds until PostgreSQL is asked again. */
const RETRY_MS = 1_000;

export interface FeedOptions extends FollowedEvents {
  readonly reader: Pick<PositionReader, 'read'>;
  readonly shares: Pick<ByteShares, 'take'>;
  readonly origins: Origins;
  readonly signal: AbortSignal;
}

export interface FeedLimits {
  /** Events at most; at least 1. */
  readonly events: number;
  /** These are not wanted. */
  readonly except: ReadonlySet<Position>;
}

/**
 * The next page. Waits for its share of what the streams may hold, and for as long as PostgreSQL is away. The page before must
 * have come to its end. Null: the signal has aborted.
 */
export type Feed = (after: Position, limits?: FeedLimits) => Promise<FeedPage | null>;

export function createFeed({ reader, shares, origins, filter, format, signal }: FeedOptions): Feed {
  const compiled = compileFilter(filter);
  const needsBodyOnly = (event: EventSummary) => format === 'native' && sendsBodyAsReceived(event, origins);
  const wish = (except: ReadonlySet<Position>): PageWish => ({
    wants: (event) => !except.has(event.position) && compiled.admits(event),
    contents: (event) => (!needsBodyOnly(event) ? 'payload' : compiled.readsPayload ? 'both' : 'body'),
  });
  /** Without what only the condition was to see. */
  const prepared = (event: PositionedEvent): PositionedEvent =>
    event.payload !== null && event.request !== null && needsBodyOnly(event) ? { ...event, payload: null } : event;
  let share: Share | null = null;
  // A page that is not read to its end is left behind: then the stream is over.
  signal.addEventListener('abort', () => share?.release(), { once: true });

  return async (after, { events, except } = EVERYTHING) => {
    let { bytes } = PAGE;
    for (;;) {
      share = await shares.take(bytes * HELD_PER_BYTE, signal);
      // It may have been given and the signal aborted in one turn: then nobody has given it back.
      if (signal.aborted) share?.release();
      if (share === null || signal.aborted) return null;
      const limits = { positions: PAGE.positions, events, bytes };
      const page = await persistently(() => reader.read(after, wish(except), limits), signal);
      if (page === null) return null;
      if (page.tooLarge === null) {
        return new FeedPage(page.events.filter((event) => meets(event, compiled)).map(prepared), page.to, share);
      }
      // Whoever waited with a share in his hands could wait for somebody who does the same.
      share.release();
      bytes = page.tooLarge;
    }
  };
}

const EVERYTHING: FeedLimits = { events: PAGE.positions, except: new Set() };

function meets({ source, type, payload }: PositionedEvent, compiled: CompiledFilter): boolean {
  if (!compiled.readsPayload) return true;
  try {
    const parsed = payload === null ? null : (JSON.parse(payload) as JsonObject);
    return compiled.matches({ source, type, payload: parsed });
  } catch {
    // As for a destination: what its condition cannot be asked of is not wanted.
    return false;
  }
}

/** What PostgreSQL refuses is asked again, until the signal aborts: null then. */
export async function persistently<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T | null> {
  while (!signal.aborted) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
  return null;
}
