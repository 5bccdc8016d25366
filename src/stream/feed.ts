/** Wanted events in the order of their positions: what a stream with acknowledgements and one without have in common. */
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreError } from '../core/errors.ts';
import type { FollowedEvents, Position, PositionedEvent, PositionReader } from '../core/follower.ts';
import type { JsonObject } from '../core/json.ts';
import { compileFilter } from '../dispatch/route.ts';

/** What a page may hold: so much of memory each stream has whose client reads slowly. */
const PAGE = { positions: 200, bytes: 1024 * 1024 };
/** Milliseconds until PostgreSQL is asked again. */
const RETRY_MS = 1_000;

export interface FeedOptions extends FollowedEvents {
  readonly reader: Pick<PositionReader, 'read'>;
  readonly signal: AbortSignal;
}

export interface FeedPage {
  readonly events: readonly PositionedEvent[];
  /** Everything up to here is in it, or not wanted. */
  readonly to: Position;
}

/** The next page. Waits for as long as PostgreSQL is away. Null: the signal has aborted. */
export type Feed = (after: Position) => Promise<FeedPage | null>;

export function createFeed({ reader, filter, format, signal }: FeedOptions): Feed {
  const compiled = compileFilter(filter);
  const wish = { wants: compiled.admits, withRequests: format === 'native' };
  const meets = ({ source, type, payload }: PositionedEvent): boolean => {
    if (!compiled.readsPayload) return true;
    try {
      const parsed = payload === null ? null : (JSON.parse(payload) as JsonObject);
      return compiled.matches({ source, type, payload: parsed });
    } catch {
      // As for a destination: what its condition cannot be asked of is not wanted.
      return false;
    }
  };
  return async (after) => {
    const page = await persistently(() => reader.read(after, wish, PAGE), signal);
    return page && { events: page.events.filter(meets), to: page.to };
  };
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
