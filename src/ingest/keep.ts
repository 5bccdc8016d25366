/** Makes a verified request durable: in PostgreSQL, and where that cannot be, on the local disk. */
import { type Refusal, SpoolError } from '../core/errors.ts';
import type { VerifiedRequest } from '../core/event.ts';
import type { Spool } from '../core/spool.ts';
import type { BatchWriter } from './batch-writer.ts';
import type { Lease } from './byte-budget.ts';
import type { StoreBreaker } from './store-breaker.ts';

/** Null: the request is in the spool, and how many of its events are new shows when it is drained. */
export type NewEvents = number | null;

export interface KeepOptions {
  readonly writer: Pick<BatchWriter, 'submit'>;
  /** Null where this process has none: what PostgreSQL does not take is refused. */
  readonly spool: Pick<Spool, 'append'> | null;
  readonly breaker: StoreBreaker;
  readonly onSpoolFailure: (error: SpoolError) => void;
}

/**
 * Resolves when the request is durable, with the number of its events that were new.
 *
 * @throws Refusal `overloaded` or `unavailable` if neither PostgreSQL nor the spool takes it
 */
export type Keep = (request: VerifiedRequest, lease: Lease) => Promise<NewEvents>;

export function createKeep({ writer, spool, breaker, onSpoolFailure }: KeepOptions): Keep {
  const toStore = (request: VerifiedRequest, lease: Lease): Promise<number> => {
    // The writer may hold the body longer than we do: until a statement given up has ended.
    lease.hold();
    return writer.submit(request, lease);
  };
  if (spool === null) return toStore;

  /** False if the spool does not take it. */
  const toSpool = async (request: VerifiedRequest): Promise<boolean> => {
    try {
      await spool.append(request);
      return true;
    } catch (error) {
      onSpoolFailure(error instanceof SpoolError ? error : new SpoolError('broken', String(error)));
      return false;
    }
  };

  return async (request, lease) => {
    if (breaker.open && (await toSpool(request))) return null;
    // Also with an open breaker: what the spool cannot take has nowhere else to go.
    const wasOpen = breaker.open;
    try {
      const newEvents = await toStore(request, lease);
      // Nothing may be in the spool to find out by.
      if (wasOpen) breaker.close();
      return newEvents;
    } catch (refusal) {
      if (!wasOpen && (await toSpool(request))) return null;
      throw refusal as Refusal;
    }
  };
}
