/** Keys of rows, by table. */
import type { TableKeys } from '../core/erasure.ts';
import type { ProjectionTable } from '../core/projection.ts';

export class RowSet {
  readonly #tables = new Map<ProjectionTable, Map<string, readonly string[]>>();

  add(table: ProjectionTable, key: readonly string[]): void {
    const keys = this.#tables.get(table) ?? new Map();
    this.#tables.set(table, keys);
    keys.set(nameOf(key), key);
  }

  has(table: ProjectionTable, key: readonly string[]): boolean {
    return this.#tables.get(table)?.has(nameOf(key)) ?? false;
  }

  keys(table: ProjectionTable): readonly (readonly string[])[] {
    return [...(this.#tables.get(table)?.values() ?? [])];
  }

  get empty(): boolean {
    return this.#tables.size === 0;
  }

  tables(): readonly TableKeys[] {
    return [...this.#tables.keys()].map((table) => ({ table, keys: this.keys(table) }));
  }
}

const nameOf = (key: readonly string[]) => key.join('\0');
