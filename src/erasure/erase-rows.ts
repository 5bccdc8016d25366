/** The rows of projections that are a person's, or in which a person has a share. */
import type { Changed, Eraser, ErasureStore, KeyedRow, Remains } from '../core/erasure.ts';
import type { ProjectionRow, ProjectionTable, Projector } from '../core/projection.ts';
import type { Person } from './person.ts';
import { RowSet } from './row-set.ts';

/** Rows of one transaction. */
const CHUNK = 500;

export interface EraseRowsOptions {
  readonly store: ErasureStore;
  readonly eraser: Eraser;
  readonly projector: Projector;
  readonly source: string;
  /** All events are there: rows can be made again from them. */
  readonly complete: boolean;
  readonly dryRun: boolean;
  /** Called for each page. */
  readonly onPage: () => Promise<void>;
}

export class EraseRows {
  /** Rows to be made again as far as others have a share in them; but for those of the person's ids. */
  readonly again = new RowSet();
  readonly #removed = new RowSet();
  readonly #person: Person;
  readonly #options: EraseRowsOptions;
  readonly #counts = new Map<ProjectionTable, Changed>();
  readonly #ids = new RowSet();

  constructor(person: Person, options: EraseRowsOptions) {
    this.#person = person;
    this.#options = options;
  }

  /** @param touched by events of the person */
  async remove(touched: RowSet): Promise<void> {
    const { projector, complete } = this.#options;
    for (const table of projector.tables) {
      const shared = await this.#find(table);
      const theirs = touched.keys(table).filter((key) => !this.#isId(table, key));
      for (const key of complete ? [...theirs, ...shared] : []) this.#removed.add(table, key);
      // Also where they stay: whoever was stopped here may have removed some that are not found any longer.
      for (const key of [...theirs, ...this.#removed.keys(table)]) this.again.add(table, key);
      await this.#rewrite(table, this.#removed.keys(table), () => 'nothing');
      if (!complete) await this.#cut(table, shared);
    }
  }

  /** The rows of the person's ids. Returns which they are, whether they were there or not. */
  async removeIds(): Promise<RowSet> {
    const { table } = this.#options.eraser.people;
    for (const id of this.#person.all) this.#ids.add(table, [this.#options.source, id]);
    await this.#rewrite(table, this.#ids.keys(table), () => 'nothing');
    return this.#ids;
  }

  /** What is gone and what was made again, table by table. In a dry run nothing was made again. */
  async counts(): Promise<readonly (Changed & { readonly table: string })[]> {
    const { store, dryRun, projector } = this.#options;
    const counts: (Changed & { readonly table: string })[] = [];
    for (const table of [...projector.tables].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const { erased, rewritten } = this.#counts.get(table) ?? NONE;
      let again = 0;
      const keys = [...this.#removed.keys(table), ...this.#ids.keys(table)];
      for (const chunk of dryRun ? [] : chunks(keys)) again += await store.countRows({ table, keys: chunk });
      counts.push({
        table: table.name,
        erased: Math.max(0, erased - again),
        rewritten: rewritten + Math.min(again, erased),
      });
    }
    return counts;
  }

  /** Notes what is the person's, and returns what is so in part. */
  async #find(table: ProjectionTable): Promise<readonly (readonly string[])[]> {
    const { store, eraser, source, onPage } = this.#options;
    const shared: (readonly string[])[] = [];
    for await (const page of store.rows(source, table, this.#person.about())) {
      for (const row of page) {
        const remains = eraser.row(table, row, this.#person);
        if (remains === 'all' || this.#isId(table, row.key)) continue;
        if (remains === 'nothing') this.#removed.add(table, row.key);
        else shared.push(row.key);
      }
      await onPage();
    }
    return shared;
  }

  async #cut(table: ProjectionTable, keys: readonly (readonly string[])[]): Promise<void> {
    const { eraser, dryRun } = this.#options;
    if (dryRun) this.#add(table, { erased: 0, rewritten: keys.length });
    else await this.#rewrite(table, keys, (row) => eraser.row(table, row, this.#person));
  }

  async #rewrite(
    table: ProjectionTable,
    keys: readonly (readonly string[])[],
    cut: (row: KeyedRow) => Remains<ProjectionRow>,
  ): Promise<void> {
    const { store, dryRun, onPage } = this.#options;
    for (const chunk of chunks(keys)) {
      const rows = { table, keys: chunk };
      this.#add(
        table,
        dryRun ? { erased: await store.countRows(rows), rewritten: 0 } : await store.rewriteRows(rows, cut),
      );
      await onPage();
    }
  }

  #add(table: ProjectionTable, { erased, rewritten }: Changed): void {
    const before = this.#counts.get(table) ?? NONE;
    this.#counts.set(table, { erased: before.erased + erased, rewritten: before.rewritten + rewritten });
  }

  #isId(table: ProjectionTable, key: readonly string[]): boolean {
    return table === this.#options.eraser.people.table && this.#person.all.has(key.at(-1) ?? '');
  }
}

const NONE: Changed = { erased: 0, rewritten: 0 };

function* chunks(keys: readonly (readonly string[])[]): Generator<readonly (readonly string[])[]> {
  for (let at = 0; at < keys.length; at += CHUNK) yield keys.slice(at, at + CHUNK);
}
