/** The follower behind a `listen`: the gateway keeps its place. */
import { isDeepStrictEqual } from 'node:util';
import { StartupError } from '../../../core/errors.ts';
import type { Follower as StoredFollower } from '../../../core/follower.ts';
import { type ApiClient, ApiError } from '../api-client.ts';
import { everyRow } from '../pages.ts';
import type { Wire } from '../wire.ts';

export type Follower = Wire<Omit<StoredFollower, 'acked'>>;

/** What is wanted; what is undefined is not said. */
export interface WantedFollower {
  readonly name: string;
  readonly types?: readonly string[] | undefined;
  readonly sources?: readonly string[] | undefined;
  readonly condition?: object | undefined;
  readonly format?: 'native' | 'event' | undefined;
}

export function followers(api: ApiClient): Promise<readonly Follower[]> {
  return everyRow<Follower>(api, '/followers');
}

/** A new one, which is sent what comes from now on. */
export async function createFollower(api: ApiClient, wanted: WantedFollower): Promise<Follower> {
  return api.post<Follower>('/followers', { ...wanted, format: wanted.format ?? 'native' });
}

/** The one of that name, which goes on where it was; else null. @throws StartupError if it follows other events */
export async function findFollower(api: ApiClient, wanted: WantedFollower): Promise<Follower | null> {
  const found = (await followers(api)).find(({ name }) => name === wanted.name);
  if (found === undefined) return null;
  const { types, sources, condition, format } = wanted;
  const { filter } = found;
  const pairs: (readonly [string, unknown, unknown])[] = [
    ['--types', types, filter.types],
    ['--sources', sources, filter.sources],
    ['--condition', condition, filter.condition],
    ['--format', format, found.format],
  ];
  const other = pairs.filter(([, asked, present]) => asked !== undefined && !isDeepStrictEqual(asked, present));
  if (other.length === 0) return found;
  const names = other.map(([name]) => name).join(', ');
  throw new StartupError(
    `${wanted.name} was begun with another ${names}. Leave that out to go on with it; or listen under another name; or begin ` +
      `anew, which forgets its place: webhook-gateway followers delete ${wanted.name}`,
  );
}

/** Says nothing if it is gone already. */
export async function removeFollower(api: ApiClient, id: string): Promise<void> {
  try {
    await api.delete(`/followers/${id}`);
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
  }
}
