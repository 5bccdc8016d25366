/** What a stream says, in the form of Server-Sent Events. */
import type { Position } from '../core/follower.ts';

/**
 * `stopping`: this process; `replaced`: by a later stream of the same follower; `removed`: the follower has been;
 * `unauthorized`: the key opens nothing any more.
 */
export type StreamEnd = 'stopping' | 'replaced' | 'removed' | 'unauthorized';

export interface StreamMessage {
  /** Of an event, its position: whoever comes back with it goes on there. */
  readonly id?: Position;
  readonly event: 'ready' | 'webhook' | 'end';
  /** JSON, in one line. */
  readonly data: string;
}

/** The first: from here on it goes. */
export function ready(position: Position): StreamMessage {
  return { event: 'ready', data: JSON.stringify({ position }) };
}

export function end(reason: StreamEnd): StreamMessage {
  return { event: 'end', data: JSON.stringify({ reason }) };
}
