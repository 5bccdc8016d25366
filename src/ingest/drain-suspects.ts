/**
 * Records of the spool that failed while others were committed. What PostgreSQL refuses is soon put aside. What waits for a lock,
 * or breaks connections, lets others pass and is tried again after longer and longer pauses.
 */
import type { StoreError } from '../core/errors.ts';
import type { SpooledRequest } from '../core/spool.ts';

/**
 * Failures after which a record is put aside, by what they were: PostgreSQL refuses it; the connection broke, which the record
 * may have caused, or a bad network; no lock or no answer in time, for about two hours.
 */
const LIMITS = { refusal: 3, break: 8, delay: 30 };
type Kind = keyof typeof LIMITS;
/** Lock not available, query cancelled, serialisation and deadlock. */
const DELAYS = /^(55P03|57014|40...)$/;
/** The longest pause, in pauses of the drain: five minutes. */
const LONGEST_PAUSE = 300;
/** Bodies that may be held in memory meanwhile, and how many. */
const MAX_BYTES = 32 * 1024 * 1024;
const MAX_RECORDS = 100;

interface Suspect {
  readonly bytes: number;
  readonly failures: Record<Kind, number>;
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
      suspect = { bytes: body.length, failures: { refusal: 0, break: 0, delay: 0 }, until: 0 };
      this.#suspects.set(id, suspect);
      this.#bytes += body.length;
    }
    const kind = kindOf(error);
    const { failures } = suspect;
    failures[kind]++;
    // What is refused will be refused again: it need not wait.
    if (kind !== 'refusal') {
      const pauses = Math.min(2 ** (failures.break + failures.delay), LONGEST_PAUSE);
      suspect.until = performance.now() + this.#pauseMs * pauses;
    }
    return failures[kind] >= LIMITS[kind];
  }

  /** It is stored, or was put aside. */
  forget({ id }: { readonly id: string }): void {
    this.#bytes -= this.#suspects.get(id)?.bytes ?? 0;
    this.#suspects.delete(id);
  }
}

function kindOf({ sqlState, fault }: StoreError): Kind {
  if (fault === 'connection_lost') return 'break';
  if (sqlState === undefined) return 'delay';
  return DELAYS.test(sqlState) ? 'delay' : 'refusal';
}
