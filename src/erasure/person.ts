/** Who is meant: from one id to all of them, by what projections know, and by what events say. */
import type { About, Eraser, ErasureStore, PersonIds } from '../core/erasure.ts';

/** The ids of a person, more of which may turn up. */
export class Person implements PersonIds {
  readonly given: ReadonlySet<string>;
  readonly all: Set<string>;
  /** Ids that stand beside the person's, and are known to be somebody else's. */
  readonly strangers = new Set<string>();
  readonly #source: string;
  readonly #eraser: Eraser;
  readonly #store: ErasureStore;

  constructor(
    typed: string,
    options: { readonly source: string; readonly eraser: Eraser; readonly store: ErasureStore },
  ) {
    this.given = new Set(options.eraser.readIds(typed));
    this.all = new Set(this.given);
    this.#source = options.source;
    this.#eraser = options.eraser;
    this.#store = options.store;
  }

  /** Follows the rows that say which id was merged into which, both ways. */
  async resolve(): Promise<void> {
    for (const id of (await this.#connected([...this.given], true)).ids) this.#take(id);
  }

  /**
   * Takes in ids that events say to be this person's. One that has rows of its own would have been found by these, if it were:
   * a phone number that has changed hands stands beside the user ids of both its owners. Returns whether any was new.
   */
  async add(ids: Iterable<string>): Promise<boolean> {
    let any = false;
    for (const id of ids) {
      if (this.all.has(id) || this.strangers.has(id)) continue;
      const { known } = await this.#connected([id], false);
      if (known) {
        this.strangers.add(id);
      } else {
        this.#take(id);
        any = true;
      }
    }
    return any;
  }

  /** How many there are, however many ways there are to write them. */
  get count(): number {
    return new Set([...this.all].map((id) => this.#eraser.readIds(id)[0])).size;
  }

  /** What stands in whatever is about the person. */
  about(): About {
    const ids = [...this.all];
    return { terms: [...new Set(ids.flatMap((id) => this.#eraser.searchTerms(id)))], subjects: ids };
  }

  #take(id: string): void {
    for (const written of this.#eraser.readIds(id)) this.all.add(written);
  }

  async #connected(ids: readonly string[], byAlias: boolean): Promise<{ ids: ReadonlySet<string>; known: boolean }> {
    const found = new Set(ids);
    let known = false;
    for (let frontier = ids, first = true; frontier.length > 0; first = false) {
      const rows = await this.#store.knownIds(this.#source, this.#eraser.people, frontier, byAlias && first);
      known ||= rows.length > 0;
      const named = rows.flatMap(({ id, mergedInto, aliases }) => [
        id,
        ...(mergedInto === null ? [] : [mergedInto]),
        ...aliases,
      ]);
      frontier = [...new Set(named)].filter((id) => !found.has(id));
      for (const id of frontier) found.add(id);
    }
    return { ids: found, known };
  }
}
