/** From the names that somebody gives to tables, and back. */
import type { ProviderName } from '../core/event.ts';
import type { ProjectionTable } from '../core/projection.ts';
import type { RebuildScope } from '../core/rebuild.ts';
import { narrowProjectors } from '../dispatch/narrowed-projectors.ts';
import type { Projectors } from '../dispatch/project-batch.ts';

/** What is neither a table of a projection nor a provider. */
export class UnknownProjection extends Error {
  override readonly name = 'UnknownProjection';
}

/**
 * @param names tables or providers; none: everything
 * @throws UnknownProjection that lists what exists
 */
export function scopeOf(names: readonly string[], from: Date | null, projectors: Projectors): RebuildScope {
  const all = entries(projectors);
  for (const name of names) {
    if (all.some(({ provider, table }) => name === provider || name === table.name)) continue;
    const tables = all.map(({ table }) => table.name).join(', ');
    throw new UnknownProjection(
      `There is no projection ${name}. Providers: ${Object.keys(projectors).join(', ')}. Tables: ${tables}.`,
    );
  }
  const chosen = all.filter(
    ({ provider, table }) => names.length === 0 || names.includes(provider) || names.includes(table.name),
  );
  return {
    tables: chosen.map(({ table }) => table),
    providers: [...new Set(chosen.map(({ provider }) => provider))],
    from,
  };
}

/** As `names` of `scopeOf` would say it most briefly; an empty list is everything. */
export function namesOf(tables: readonly string[], projectors: Projectors): string[] {
  const all = entries(projectors);
  if (all.every(({ table }) => tables.includes(table.name))) return [];
  const whole = Object.entries(projectors)
    .filter(([, projector]) => projector.tables.every(({ name }) => tables.includes(name)))
    .map(([provider]) => provider);
  const rest = tables.filter((name) => {
    const owner = all.find(({ table }) => table.name === name)?.provider;
    return owner === undefined || !whole.includes(owner);
  });
  return [...whole, ...rest];
}

/** Of the providers of the scope, without the touches of other tables. */
export function projectorsOf({ tables }: RebuildScope, projectors: Projectors): Projectors {
  const names = new Set(tables.map(({ name }) => name));
  return narrowProjectors(projectors, ({ table }) => names.has(table.name));
}

/** Sorted by table. */
function entries(projectors: Projectors): { readonly provider: ProviderName; readonly table: ProjectionTable }[] {
  return Object.entries(projectors)
    .flatMap(([provider, { tables }]) => tables.map((table) => ({ provider: provider as ProviderName, table })))
    .sort((a, b) => (a.table.name < b.table.name ? -1 : 1));
}
