/** Destinations by the name that people know them by. */
import { validate as isUuid } from 'uuid';
import type { z } from 'zod';
import { StartupError } from '../../core/errors.ts';
import type { destination } from '../../http/routes/api/destination-schemas.ts';
import type { ApiClient } from './api-client.ts';
import { everyRow } from './pages.ts';
import type { Session } from './session.ts';

export type Destination = z.infer<typeof destination>;

/** @param name or id @throws StartupError if there is none of that name */
export async function destinationId(api: ApiClient, name: string): Promise<string> {
  if (isUuid(name)) return name;
  const found = (await everyRow<Destination>(api, '/destinations')).find((candidate) => candidate.name === name);
  if (found !== undefined) return found.id;
  throw new StartupError(`There is no destination named ${name}: \`webhook-gateway destinations\` lists them.`);
}

/** The name of the destination with this id; the id itself if there is none (any more). */
export type NameOf = (id: string) => string;

/** The destination with this id; undefined if there is none (any more). */
export type DestinationOf = (id: string) => Destination | undefined;

/** For what people read. Programs get the ids, and nothing is asked for them. */
export async function everyDestination({ api, out }: Pick<Session, 'api' | 'out'>): Promise<DestinationOf> {
  if (out.json) return () => undefined;
  const byId = new Map((await everyRow<Destination>(api, '/destinations')).map((one) => [one.id, one]));
  return (id) => byId.get(id);
}

/** As `everyDestination`, for the name alone. */
export async function destinationNames(session: Pick<Session, 'api' | 'out'>): Promise<NameOf> {
  const destinationOf = await everyDestination(session);
  return (id) => destinationOf(id)?.name ?? id;
}

/** @throws StartupError if there is none of that name */
export async function destinationIds(api: ApiClient, names: readonly string[]): Promise<string[]> {
  return Promise.all(names.map((name) => destinationId(api, name)));
}
