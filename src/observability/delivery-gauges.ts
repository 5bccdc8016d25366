/** How much is left to deliver, read at a scrape. None is labelled by destination: operators name those, as many as they like. */
import { Gauge, type Registry } from 'prom-client';
import type { DeliveryCounts } from '../core/delivery.ts';
import { DESTINATION_STATES } from '../core/destination.ts';
import type { Clock } from '../core/ports.ts';
import { sharedReading } from './shared-reading.ts';

export interface DeliveryGaugesOptions {
  readonly registry: Registry;
  /** Answers within a second. */
  readonly readCounts: () => Promise<DeliveryCounts>;
  readonly clock: Clock;
}

export function createDeliveryGauges({ registry, readCounts, clock }: DeliveryGaugesOptions): void {
  const registers = [registry];
  const counts = sharedReading(readCounts);
  new Gauge({
    name: 'webhook_deliveries_pending',
    help: 'Deliveries that are owed and not finished, those to paused destinations included. Of the whole database',
    registers,
    async collect() {
      this.set((await counts())?.pending ?? Number.NaN);
    },
  });
  new Gauge({
    name: 'webhook_deliveries_dead',
    help: 'Deliveries that are tried no longer, because every attempt failed. Of the whole database',
    registers,
    async collect() {
      this.set((await counts())?.dead ?? Number.NaN);
    },
  });
  new Gauge({
    name: 'webhook_oldest_pending_delivery_seconds',
    help: 'Age of the oldest event that is owed to a destination, since its arrival; 0 if there is none. Of the whole database',
    registers,
    async collect() {
      const reading = await counts();
      if (reading === null) this.set(Number.NaN);
      else if (reading.oldest === null) this.set(0);
      else this.set(Math.max(0, (clock().getTime() - reading.oldest.getTime()) / 1000));
    },
  });
  new Gauge({
    name: 'webhook_destinations',
    help: 'Destinations by state; failing: active, but down, so that only probes are sent',
    labelNames: ['state'],
    registers,
    async collect() {
      const reading = await counts();
      for (const state of [...DESTINATION_STATES, 'failing'] as const) {
        this.set({ state }, reading?.destinations[state] ?? Number.NaN);
      }
    },
  });
}
