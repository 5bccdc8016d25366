/** A stream with acknowledgements: at least once, whatever ends on the way. */
import type { Follower, FollowerStore, Position } from '../core/follower.ts';
import { type Feed, persistently } from './feed.ts';
import type { FeedPage } from './feed-page.ts';
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
  const { feed, watch, store, follower, connection, signal } = options;
  const { restores } = watch;
  const place = new Place(follower);
  yield ready(follower.ackedTo);
  while (!signal.aborted && watch.restores === restores) {
    const { looks } = watch;
    const now = await persistently(() => store.advance(follower.id, connection, place.ackedTo()), signal);
    if (now === null) return;
    if (typeof now === 'string') {
      yield end(now);
      return;
    }
    const settled = place.settle(now);
    const room = place.room();
    if (room === 0 || watch.last <= place.loadedTo) {
      if (!settled) await watch.lookedAgain(looks, signal);
      continue;
    }
    // No more than can be sent at once: what is loaded does not wait for acknowledgements, which may never come.
    const page = await feed(place.loadedTo, { events: room, except: place.acked });
    if (page === null) return;
    yield* messagesOf(page, place, options);
    place.loaded(page.to);
  }
}

function* messagesOf(
  page: FeedPage,
  place: Place,
  { follower, origins, signal }: FollowAcknowledgedOptions,
): Generator<StreamMessage> {
  const next = () =>
    page.next((event) => {
      place.send(event.position);
      return render(event, { origins, format: follower.format, followerId: follower.id });
    });
  for (let message = next(); message !== null && !signal.aborted; message = next()) yield message;
}

/** What is under way, and up to where nothing is missing. */
class Place {
  /** Acknowledged above `ackedTo`, as PostgreSQL last said. */
  #acked: ReadonlySet<Position>;
  /** Sent and not acknowledged, in ascending order. */
  readonly #underWay = new Set<Position>();
  #loadedTo: Position;

  constructor({ acked, ackedTo }: Follower) {
    this.#acked = new Set(acked);
    this.#loadedTo = ackedTo;
  }

  get acked(): ReadonlySet<Position> {
    return this.#acked;
  }

  /** Everything up to here has been sent, or is not wanted. */
  get loadedTo(): Position {
    return this.#loadedTo;
  }

  /** How many more may be sent. */
  room(): number {
    const { size } = this.#underWay;
    if (this.#acked.size >= MAX_AHEAD) return size === 0 ? 1 : 0;
    return MAX_UNDER_WAY - size;
  }

  /** It is under way from now on. */
  send(position: Position): void {
    this.#underWay.add(position);
  }

  loaded(to: Position): void {
    this.#loadedTo = to;
  }

  /** Up to here nothing is left to be acknowledged. */
  ackedTo(): Position {
    const [oldest = Number.POSITIVE_INFINITY] = this.#underWay;
    return Math.min(oldest - 1, this.#loadedTo);
  }

  /** Takes in what has been acknowledged. True if some of that was under way. */
  settle({ acked }: Pick<Follower, 'acked'>): boolean {
    this.#acked = new Set(acked);
    const settled = [...this.#underWay].filter((position) => this.#acked.has(position));
    for (const position of settled) this.#underWay.delete(position);
    return settled.length > 0;
  }
}
