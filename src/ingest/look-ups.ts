/**
 * Asks the seen store, as often as that pays. A look-up spares PostgreSQL a duplicate and costs a tenth of a webhook and a
 * turn of the event loop, so it is wasted while none come. What is not looked up goes to PostgreSQL like any other webhook,
 * and its unique index decides, as always: it finds the first duplicate of a storm.
 */
import type { SeenKey, SeenStore } from '../core/ports.ts';

/** Look-ups in a row without a duplicate after which none are made, until PostgreSQL finds one. */
const QUIET_AFTER = 1_000;

export class LookUps {
  readonly #seen: Pick<SeenStore, 'allKnown'>;
  /** Look-ups since the last duplicate. */
  #fresh = 0;

  constructor(seen: Pick<SeenStore, 'allKnown'>) {
    this.#seen = seen;
  }

  /** True if all of the keys are known to be committed. Null if nobody was asked, which is as good as false. */
  allKnown(keys: readonly SeenKey[]): Promise<boolean> | null {
    return this.#fresh >= QUIET_AFTER ? null : this.#ask(keys);
  }

  /** PostgreSQL has found a duplicate. */
  foundDuplicate(): void {
    this.#fresh = 0;
  }

  async #ask(keys: readonly SeenKey[]): Promise<boolean> {
    const known = await this.#seen.allKnown(keys);
    this.#fresh = known ? 0 : this.#fresh + 1;
    return known;
  }
}
