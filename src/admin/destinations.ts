/** Destinations as operators set them up: settings checked, a secret made where none is given, every change on record. */
import { randomBytes } from 'node:crypto';
import type { Actor, Change } from '../core/audit.ts';
import type { DestinationSettings } from '../core/destination.ts';
import type { DestinationStore, ShownDestination } from '../core/destination-store.ts';
import { Refusal } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import { rowId } from '../core/row-id.ts';
import { SecretBoxError } from '../core/secret-box.ts';
import type { SendTrial, TrialResult, TrialSample } from '../core/trial-delivery.ts';
import { checkDestination, type DestinationRules } from './destination-check.ts';

/** Bytes of a generated signing secret. */
const SECRET_BYTES = 32;

export interface DestinationsOptions {
  readonly store: DestinationStore;
  readonly rules: DestinationRules;
  readonly sendTrial: SendTrial;
  /** Something may have become due. */
  readonly onDue: () => void;
}

export interface CreatedDestination {
  readonly destination: ShownDestination;
  /** The one that was made because none was given; to be shown once. */
  readonly generatedSecret: string | null;
}

export type Destinations = ReturnType<typeof createDestinations>;

/** Every method rejects with a Refusal if it is not to be done so, or with a StoreError. */
export function createDestinations({ store, rules, sendTrial, onDue }: DestinationsOptions) {
  return {
    list: store.list,
    find: async (id: string) => existing(await store.find(id)),

    async create(given: DestinationSettings, by: Actor): Promise<CreatedDestination> {
      const generatedSecret =
        given.signing === 'standard' && given.secrets.length === 0 && given.target.kind === 'http' ? newSecret() : null;
      const settings = generatedSecret === null ? given : { ...given, secrets: [generatedSecret] };
      checkDestination(settings, null, rules);
      const id = rowId();
      const details = { name: settings.name, kind: settings.target.kind };
      const destination = await sealing(() => store.create(id, settings, change(by, 'create', id, details)));
      return { destination, generatedSecret };
    },

    /** Fields that are absent stay as they are; those given are replaced as a whole. */
    async update(id: string, settings: Partial<DestinationSettings>, by: Actor): Promise<ShownDestination> {
      const decide = (current: ShownDestination) => {
        checkDestination(settings, current, rules);
        return settings;
      };
      const details = { fields: Object.keys(settings).sort() };
      const destination = await sealing(() => store.update(id, decide, change(by, 'update', id, details)));
      onDue();
      return existing(destination);
    },

    async pause(id: string, reason: string | null, by: Actor): Promise<ShownDestination> {
      const text = reason ?? 'paused by an operator';
      return existing(await store.setState(id, 'paused', text, change(by, 'pause', id, null)));
    },

    async resume(id: string, by: Actor): Promise<ShownDestination> {
      const destination = existing(await store.setState(id, 'active', null, change(by, 'resume', id, null)));
      onDue();
      return destination;
    },

    /** Sends it something as the provider would, on the spot and only once; nothing of it is stored. */
    async test(id: string, sample: TrialSample, by: Actor): Promise<TrialResult> {
      const opened = await store.open(id, change(by, 'test', id, { ...sample }));
      if (opened === null) throw notFound();
      return sendTrial(opened, sample);
    },

    async remove(id: string, force: boolean, by: Actor): Promise<void> {
      const result = await store.remove(id, force, change(by, 'delete', id, { force }));
      if (result === 'not_found') throw notFound();
      if (result === 'removed') return;
      const message = 'deliveries to it are not finished: wait for them, or cancel them by ?force=true';
      throw new Refusal('conflict', message);
    },
  };
}

function change(by: Actor, verb: string, target: string, details: JsonObject | null): Change {
  return { ...by, action: `destination.${verb}`, target, details };
}

function existing(destination: ShownDestination | null): ShownDestination {
  if (destination === null) throw notFound();
  return destination;
}

function notFound(): Refusal {
  return new Refusal('not_found', 'there is no such destination');
}

function newSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
}

/** Without a key nothing secret can be stored: the operator has to set one first. */
async function sealing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof SecretBoxError ? new Refusal('conflict', error.message) : error;
  }
}
