/** What operators do with destinations: set them up, change, pause, resume and remove them. */
import type { Change } from './audit.ts';
import type { Destination, DestinationSettings, DestinationState } from './destination.ts';
import type { Page, PageRequest } from './page.ts';

/** How deliveries to it went of late. */
export interface DestinationHealth {
  /** In a row. */
  readonly failures: number;
  readonly failingSince: Date | null;
  /** True: only now and then one is sent, to find out whether it is back. */
  readonly circuitOpen: boolean;
  readonly nextProbeAt: Date | null;
  /** The last success. */
  readonly deliveredAt: Date | null;
}

/** A destination as it may be shown: without what is secret. */
export interface ShownDestination extends Omit<Destination, 'secrets' | 'secretHeaders'> {
  readonly secretCount: number;
  readonly secretHeaderNames: readonly string[];
  /** Null until the first event is owed there. */
  readonly health: DestinationHealth | null;
}

/** A destination with its secrets in plain text. */
export interface OpenedDestination {
  readonly destination: Destination;
  /** Which secret cannot be decrypted, and why; it is left out then. Null: all can. */
  readonly undecryptable: string | null;
}

/** Decides what to change, from what is there. @throws Refusal if it is not to be changed so */
export type DecideSettings = (current: ShownDestination) => Partial<DestinationSettings>;

/** Every change and its entry of the audit log are one transaction. All reject with a `StoreError`, or as they say. */
export interface DestinationStore {
  list(page: PageRequest): Promise<Page<ShownDestination>>;
  find(id: string): Promise<ShownDestination | null>;
  /** @throws Refusal `conflict` if the name is taken; SecretBoxError if there is no key for its secrets */
  create(id: string, settings: DestinationSettings, change: Change): Promise<ShownDestination>;
  /** Nobody else changes it between `decide` and the commit. Null if there is none. @throws as `create` does, or as `decide` */
  update(id: string, decide: DecideSettings, change: Change): Promise<ShownDestination | null>;
  /** To `active` also forgets its failures, if it is active already too. Else nothing happens if it has that state. Null if there is none. */
  setState(
    id: string,
    state: DestinationState,
    reason: string | null,
    change: Change,
  ): Promise<ShownDestination | null>;
  /** For a trial delivery; on record, since its secrets are read. Null if there is none. */
  open(id: string, change: Change): Promise<OpenedDestination | null>;
  /**
   * Unfinished deliveries are cancelled with `force`, some thousands in a transaction; without, `unfinished` is all that happens.
   * What has been delivered or is dead stays as it is.
   */
  remove(id: string, force: boolean, change: Change): Promise<'removed' | 'unfinished' | 'not_found'>;
}
