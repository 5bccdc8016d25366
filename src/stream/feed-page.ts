/** Loaded events, which are let go one by one. */
import type { Position, PositionedEvent } from '../core/follower.ts';
import type { Share } from './byte-shares.ts';
import type { StreamMessage } from './message.ts';

/**
 * Bytes held for each that was loaded, at most, before and after it is rendered: Base64 has four thirds, and text with a single
 * character beyond Latin-1 two for every character.
 */
export const HELD_PER_BYTE = 2;

export class FeedPage {
  /** Everything up to here is in it, or not wanted. */
  readonly to: Position;
  readonly #events: PositionedEvent[];
  readonly #share: Share;
  #last: (StreamMessage & { data: string }) | null = null;

  /** @param share for all of the events; given back as they are done with */
  constructor(events: PositionedEvent[], to: Position, share: Share) {
    this.to = to;
    this.#events = events;
    this.#share = share;
    this.#share.shrink(heldBy(events));
  }

  /**
   * The next event as a message; null: that was all. The data of the one before is gone with this call: suspended generators keep
   * what they last yielded, and a stream that waits for events would hold its last one for as long.
   */
  next(render: (event: PositionedEvent) => StreamMessage): StreamMessage | null {
    if (this.#last !== null) this.#last.data = '';
    this.#share.shrink(heldBy(this.#events));
    const event = this.#events.shift();
    this.#last = event === undefined ? null : { ...render(event) };
    return this.#last;
  }
}

function heldBy(events: readonly PositionedEvent[]): number {
  const bytes = events.map(({ payload, request }) => Buffer.byteLength(payload ?? '') + (request?.body.length ?? 0));
  return HELD_PER_BYTE * bytes.reduce((sum, size) => sum + size, 0);
}
