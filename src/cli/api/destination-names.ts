/** Destinations by the name that people know them by. */
import { validate as isUuid } from 'uuid';
import type { z } from 'zod';
import { StartupError } from '../../core/errors.ts';
import type { destination } from '../../http/routes/api/destination-schemas.ts';
import type { ApiClient } from './api-client.ts';
import { everyRow } from './pages.ts';

export type Destination = z.infer<typeof destination>;

/** @param name or id @throws StartupError if there is none of that name */
export async function destinationId(api: ApiClient, name: string): Promise<string> {
  if (isUuid(name)) return name;
  const found = (await everyRow<Destination>(api, '/destinations')).find((candidate) => candidate.name === name);
  if (found !== undefined) return found.id;
  throw new StartupError(`There is no destination named ${name}: \`webhook-gateway destinations\` lists them.`);
}

/** @throws StartupError if there is none of that name */
export async function destinationIds(api: ApiClient, names: readonly string[]): Promise<string[]> {
  return Promise.all(names.map((name) => destinationId(api, name)));
}
