/** Followers as their owners make, see and remove them, and acknowledge what they were sent. */
import type { Actor } from '../core/audit.ts';
import { Refusal } from '../core/errors.ts';
import {
  FOLLOWER_DAYS,
  type FollowedEvents,
  type Follower,
  type FollowerStore,
  MAX_FOLLOWERS,
  type Position,
  type PositionReader,
} from '../core/follower.ts';
import { rowId } from '../core/row-id.ts';
import { checkCondition, checkPosition, noFollower } from './refusals.ts';

export interface FollowersOptions {
  readonly store: FollowerStore;
  readonly reader: Pick<PositionReader, 'last'>;
}

export interface FollowerSettings extends FollowedEvents {
  readonly name: string;
  /** Null: from now on. */
  readonly after: Position | null;
}

export type Followers = ReturnType<typeof createFollowers>;

/** Every method rejects with a Refusal if it is not to be done so, or with a StoreError. */
export function createFollowers({ store, reader }: FollowersOptions) {
  return {
    async create({ name, filter, format, after }: FollowerSettings, by: Actor): Promise<Follower> {
      checkCondition(filter);
      const position = checkPosition(after, await reader.last());
      const id = rowId();
      const change = { ...by, action: 'follower.create', target: id, details: { name, format, after: position } };
      const follower = await store.create({ id, name, filter, format, after: position }, change);
      if (follower !== null) return follower;
      const message = `there are ${MAX_FOLLOWERS} followers: remove some, or wait until they have been gone for ${FOLLOWER_DAYS} days`;
      throw new Refusal('conflict', message);
    },

    list: store.list,

    async remove(id: string, by: Actor): Promise<void> {
      const removed = await store.remove(id, { ...by, action: 'follower.remove', target: id, details: null });
      if (!removed) throw noFollower();
    },

    async acknowledge(id: string, positions: readonly Position[]): Promise<void> {
      if (!(await store.acknowledge(id, positions))) throw noFollower();
    },
  };
}
