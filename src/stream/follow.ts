/** A stream for somebody who keeps his place himself. */
import type { Position } from '../core/follower.ts';
import type { Feed } from './feed.ts';
import { ready, type StreamMessage } from './message.ts';
import { type RenderOptions, render } from './render.ts';
import type { PositionWatch } from './watch.ts';

export interface FollowOptions extends Omit<RenderOptions, 'followerId'> {
  readonly feed: Feed;
  readonly watch: PositionWatch;
  readonly after: Position;
  readonly signal: AbortSignal;
}

/** Ends when the signal aborts, or if positions have gone back: whoever comes back is told so then. */
export async function* follow({
  feed,
  watch,
  after,
  signal,
  ...rendering
}: FollowOptions): AsyncGenerator<StreamMessage> {
  const { restores } = watch;
  let position = after;
  yield ready(position);
  while (!signal.aborted && watch.restores === restores) {
    const { looks } = watch;
    if (watch.last <= position) {
      await watch.lookedAgain(looks, signal);
      continue;
    }
    const page = await feed(position);
    if (page === null) return;
    const next = () => page.next((event) => render(event, { ...rendering, followerId: null }));
    for (let message = next(); message !== null && !signal.aborted; message = next()) yield message;
    position = page.to;
  }
}
