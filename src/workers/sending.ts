/** Attempts side by side: whatever is held here begins as soon as there is a place for it. */
import { setMaxListeners } from 'node:events';
import type { AttemptReport, LeasedDelivery } from '../core/delivery.ts';
import type { Attempt } from '../delivery/attempt.ts';
import { Lanes, type LanesOptions } from './lanes.ts';
import { within } from './within.ts';

export interface SendingOptions extends LanesOptions {
  readonly attempt: Attempt;
  readonly onReport: (delivery: LeasedDelivery, report: AttemptReport) => void;
  /** One has ended, and its place is free; with a report or not. */
  readonly onEnded: () => void;
}

export class Sending {
  readonly #options: SendingOptions;
  readonly #lanes: Lanes;
  readonly #underWay = new Set<Promise<void>>();
  readonly #cut = new AbortController();
  readonly #unsent = new Set<LeasedDelivery>();
  #stopping = false;

  constructor(options: SendingOptions) {
    this.#options = options;
    this.#lanes = new Lanes(options);
    // Every attempt under way listens to it.
    setMaxListeners(0, this.#cut.signal);
  }

  get underWay(): number {
    return this.#lanes.underWay;
  }

  /** Leased ahead, and not begun. */
  get waiting(): number {
    return this.#lanes.waiting;
  }

  /** How many each destination may have leased ahead; those that are not in it, none. */
  ahead(): ReadonlyMap<string, number> {
    return this.#lanes.ahead();
  }

  /** True if every place of a destination is taken. */
  isFull(destinationId: string): boolean {
    return this.#lanes.isFull(destinationId);
  }

  /** What comes after `stop` is not begun. */
  add(deliveries: readonly LeasedDelivery[]): void {
    this.#lanes.add(deliveries);
    if (this.#stopping) this.#giveUp(this.#lanes.giveUpAll());
    this.#beginNext();
  }

  /**
   * Hands leases over that are to be given back, and forgets them once that has been done: those of which nothing was sent, and
   * those that have waited too long.
   */
  async giveBack(release: (deliveries: readonly LeasedDelivery[]) => Promise<void>): Promise<void> {
    this.#giveUp(this.#lanes.giveUp());
    const unsent = [...this.#unsent];
    if (unsent.length === 0) return;
    await release(unsent);
    for (const delivery of unsent) this.#unsent.delete(delivery);
  }

  /** Begins nothing more. */
  stop(): void {
    this.#stopping = true;
  }

  /** Resolves when nothing is under way, after so many milliseconds at the latest. */
  async settled(milliseconds: number): Promise<void> {
    await within(milliseconds, Promise.all(this.#underWay));
  }

  /** Gives up what is under way, and then all that waits. */
  async cut(): Promise<void> {
    this.stop();
    this.#cut.abort();
    await Promise.all(this.#underWay);
    this.#giveUp(this.#lanes.giveUpAll());
  }

  #giveUp(deliveries: readonly LeasedDelivery[]): void {
    for (const delivery of deliveries) this.#unsent.add(delivery);
  }

  #beginNext(): void {
    while (!this.#stopping) {
      const next = this.#lanes.next();
      if (next === undefined) return;
      this.#begin(next);
    }
  }

  #begin(delivery: LeasedDelivery): void {
    const done = this.#attempt(delivery).then((healthy) => {
      this.#underWay.delete(done);
      this.#lanes.ended(delivery.destination.id, healthy);
      this.#beginNext();
      this.#options.onEnded();
    });
    this.#underWay.add(done);
  }

  /** Returns whether it speaks for the destination. */
  async #attempt(delivery: LeasedDelivery): Promise<boolean | null> {
    const result = await this.#options.attempt(delivery, this.#cut.signal);
    if (result.kind === 'unsent') this.#giveUp([delivery]);
    if (result.kind !== 'report') return null;
    // Paused it is only once that has been reported.
    if (result.report.pause !== null) this.#giveUp(this.#lanes.giveUp([result.report.destinationId]));
    this.#options.onReport(delivery, result.report);
    return result.report.destinationHealthy;
  }
}
