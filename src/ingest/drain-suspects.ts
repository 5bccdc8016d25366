/**
 * Records of the spool that failed while others were committed. What PostgreSQL refuses is soon put aside. What waits for a lock
 * lets others pass and is tried again after longer and longer pauses, for that ends by itself.
 */
import type { StoreError } from '../core/errors.ts';
import type { SpooledRequest } from '../core/spool.ts';

/** Failures of a record that PostgreSQL refuses before it is put aside. */
const MAX_REFUSALS = 3;
/** The same where it got no answer in time, or no lock: that ends by itself, when another transaction does. About two hours. */
const MAX_DELAYS = 30;
/** Lock not available, query cancelled, serialisation and deadlock. */
const DELAYS = /^(55P03|57014|40...)$/;
/** The longest pause, in pauses of the drain: five minutes. */
const LONGEST_PAUSE = 300;
/** Bodies that may be held in memory meanwhile, and how many. */
const MAX_BYTES = 32 * 1024 * 1024;
const MAX_RECORDS = 100;

interface Suspect {
  readonly bytes: number;
  refusals: number;
  delays: number;
  /** Of a clock that never goes back. */
  until: number;
}

export class DrainSuspects {
  readonly #pauseMs: number;
  readonly #suspects = new Map<string, Suspect>();
  #bytes = 0;

  /** @param pauseMs the first pause; each further one is twice as long */
  constructor(pauseMs: number) {
    this.#pauseMs = pauseMs;
  }

  /** How many there are, and the bytes of their bodies. */
  get size(): { readonly records: number; readonly bytes: number } {
    return { records: this.#suspects.size, bytes: this.#bytes };
  }

  /** True while the record lets others pass. */
  waits({ id }: SpooledRequest): boolean {
    return (this.#suspects.get(id)?.until ?? Number.NEGATIVE_INFINITY) > performance.now();
  }

  /** The record failed, and another was committed. True if it has to be put aside now. */
  strike({ id, body }: SpooledRequest, error: StoreError): boolean {
    let suspect = this.#suspects.get(id);
    if (suspect === undefined) {
      // Too many to be kept in memory: no further one passes, as in an outage.
      if (this.#suspects.size >= MAX_RECORDS || this.#bytes + body.length > MAX_BYTES) return false;
      suspect = { bytes: body.length, refusals: 0, delays: 0, until: 0 };
      this.#suspects.set(id, suspect);
      this.#bytes += body.length;
    }
    if (isDelay(error)) {
      suspect.delays++;
      suspect.until = performance.now() + this.#pauseMs * Math.min(2 ** suspect.delays, LONGEST_PAUSE);
    } else {
      suspect.refusals++;
    }
    return suspect.refusals >= MAX_REFUSALS || suspect.delays >= MAX_DELAYS;
  }

  /** It is stored, or was put aside. */
  forget({ id }: { readonly id: string }): void {
    this.#bytes -= this.#suspects.get(id)?.bytes ?? 0;
    this.#suspects.delete(id);
  }
}

/** Without an SQLSTATE: no answer in time. A connection that breaks may have been broken by the record. */
function isDelay({ sqlState, fault }: StoreError): boolean {
  return sqlState === undefined ? fault === 'unavailable' : DELAYS.test(sqlState);
}
