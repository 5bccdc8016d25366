/** Deliveries in memory, leased and reported as the real store does it, with outages at will. For tests of the worker alone. */
import type { AttemptReport, ClaimOptions, DeliveryStore, LeasedDelivery } from '../../src/core/delivery.ts';
import { StoreError } from '../../src/core/errors.ts';
import type { PausedDestination } from '../../src/core/own-event.ts';

export class MemoryDeliveryStore implements DeliveryStore {
  readonly #due: LeasedDelivery[] = [];
  readonly #leased = new Map<string, LeasedDelivery>();
  readonly reports: AttemptReport[] = [];
  readonly released: string[] = [];
  readonly claims: (ClaimOptions & { readonly given: number })[] = [];
  /** Every call fails while true. */
  away = false;
  /** A claim waits for it before it answers. */
  claimGate: Promise<void> = Promise.resolve();

  add(...deliveries: readonly LeasedDelivery[]): void {
    this.#due.push(...deliveries);
  }

  get leased(): readonly string[] {
    return [...this.#leased.keys()];
  }

  async claim(options: ClaimOptions): Promise<readonly LeasedDelivery[]> {
    this.#check();
    const claimed = this.#due.splice(0, options.limit);
    for (const delivery of claimed) this.#leased.set(delivery.id, delivery);
    this.claims.push({ ...options, given: claimed.length });
    await this.claimGate;
    return claimed;
  }

  async report(reports: readonly AttemptReport[]): Promise<readonly PausedDestination[]> {
    this.#check();
    for (const { deliveryId } of reports) this.#leased.delete(deliveryId);
    this.reports.push(...reports);
    return [];
  }

  async release(_: string, deliveries: readonly Pick<LeasedDelivery, 'id'>[]): Promise<void> {
    this.#check();
    for (const { id } of deliveries) {
      const delivery = this.#leased.get(id);
      if (delivery !== undefined) this.#due.push(delivery);
      this.#leased.delete(id);
    }
    this.released.push(...deliveries.map(({ id }) => id));
  }

  async nextDueInMs(): Promise<number | null> {
    this.#check();
    return this.#due.length > 0 ? 0 : null;
  }

  #check(): void {
    if (this.away) throw new StoreError('unavailable', 'PostgreSQL is away');
  }
}
