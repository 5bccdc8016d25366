/** A stream with acknowledgements: at least once, whatever ends on the way. */
import type { Follower, FollowerStore, Position, PositionedEvent } from '../core/follower.ts';
import { type Feed, persistently } from './feed.ts';
import { end, ready, type StreamMessage } from './message.ts';
import { type RenderOptions, render } from './render.ts';
import type { PositionWatch } from './watch.ts';

/** Events sent and not acknowledged. */
export const MAX_UNDER_WAY = 256;
/** Acknowledged while one before them is not: that one is waited for then, or a follower's row would grow without end. */
const MAX_AHEAD = 2_048;

export interface FollowAcknowledgedOptions extends Omit<RenderOptions, 'followerId' | 'format'> {
  readonly feed: Feed;
  readonly watch: PositionWatch;
  readonly store: Pick<FollowerStore, 'advance'>;
  /** As it was when this stream was connected. */
  readonly follower: Follower;
  readonly connection: string;
  readonly signal: AbortSignal;
}

/** Ends when the signal aborts, if another stream has taken over or the follower is gone, or if positions have gone back. */
export async function* followAcknowledged(options: FollowAcknowledgedOptions): AsyncGenerator<StreamMessage> {
  const { watch, store, follower, connection, signal, origins } = options;
  const { id, format } = follower;
  const { restores } = watch;
  const place = new Place(follower);
  yield ready(follower.ackedTo);
  while (!signal.aborted && watch.restores === restores) {
    const { looks } = watch;
    const now = await persistently(() => store.advance(id, connection, place.ackedTo()), signal);
    if (now === null) return;
    if (typeof now === 'string') {
      yield end(now);
      return;
    }
    if (!place.settle(now) && !(await loadMore(place, options))) await watch.lookedAgain(looks, signal);
    for (const event of place.take()) {
      if (signal.aborted) return;
      yield render(event, { origins, format, followerId: id });
    }
  }
}

/** False if there is nothing to load, or no room for it. */
async function loadMore(place: Place, { feed, watch }: FollowAcknowledgedOptions): Promise<boolean> {
  if (!place.hasRoom() || !place.isEmpty() || watch.last <= place.loadedTo) return false;
  const page = await feed(place.loadedTo);
  if (page !== null) place.load(page.events, page.to);
  return true;
}

/** What has been loaded, what is under way, and up to where nothing is missing. */
class Place {
  /** Acknowledged above `ackedTo`, as PostgreSQL last said. */
  #acked: ReadonlySet<Position>;
  /** Sent and not acknowledged, in ascending order. */
  readonly #underWay = new Set<Position>();
  #loaded: readonly PositionedEvent[] = [];
  #taken = 0;
  #loadedTo: Position;

  constructor({ acked, ackedTo }: Follower) {
    this.#acked = new Set(acked);
    this.#loadedTo = ackedTo;
  }

  /** Everything up to here has been loaded, or is not wanted. */
  get loadedTo(): Position {
    return this.#loadedTo;
  }

  /** True if everything that was loaded has been taken. */
  isEmpty(): boolean {
    return this.#taken === this.#loaded.length;
  }

  hasRoom(): boolean {
    const { size } = this.#underWay;
    return size === 0 || (size < MAX_UNDER_WAY && this.#acked.size < MAX_AHEAD);
  }

  load(events: readonly PositionedEvent[], to: Position): void {
    this.#loaded = events;
    this.#taken = 0;
    this.#loadedTo = to;
  }

  /** Those to be sent, as far as there is room; each is under way from then on. */
  *take(): Generator<PositionedEvent> {
    for (let event = this.#loaded[this.#taken]; event !== undefined && this.hasRoom(); ) {
      this.#taken++;
      if (!this.#acked.has(event.position)) {
        this.#underWay.add(event.position);
        yield event;
      }
      event = this.#loaded[this.#taken];
    }
  }

  /** Up to here nothing is left to be acknowledged. */
  ackedTo(): Position {
    const [oldest = Number.POSITIVE_INFINITY] = this.#underWay;
    const waiting = this.#loaded[this.#taken]?.position ?? Number.POSITIVE_INFINITY;
    return Math.min(oldest - 1, waiting - 1, this.#loadedTo);
  }

  /** Takes in what has been acknowledged. True if some of that was under way. */
  settle({ acked }: Pick<Follower, 'acked'>): boolean {
    this.#acked = new Set(acked);
    const settled = [...this.#underWay].filter((position) => this.#acked.has(position));
    for (const position of settled) this.#underWay.delete(position);
    return settled.length > 0;
  }
}
