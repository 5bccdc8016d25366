/** Projectors that touch only some of their rows: those of the tables that are rebuilt, or of a person who is erased. */
import type { Touch } from '../core/projection.ts';
import type { Projectors } from './project-batch.ts';

/**
 * An event that throws in `project` still does, whichever rows it would have touched; one that throws in `reduce` of a row
 * that is left out does not.
 *
 * @param keep by table and key
 */
export function narrowProjectors(projectors: Projectors, keep: (touch: Touch) => boolean): Projectors {
  const narrowed = Object.entries(projectors).map(([name, projector]) => [
    name,
    { tables: projector.tables, project: (event) => projector.project(event).filter(keep) } satisfies typeof projector,
  ]);
  return Object.fromEntries(narrowed);
}
