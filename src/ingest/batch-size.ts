/** What travels in one statement. */
import { payloadBytes, type VerifiedRequest } from '../core/event.ts';

/** What a batch may hold; bytes of bodies and payloads. */
const MAX_EVENTS = 5_000;
const MAX_BYTES = 8 * 1024 * 1024;

export class BatchSize {
  readonly #maxRequests: number;
  #requests = 0;
  #events = 0;
  #bytes = 0;

  constructor(maxRequests: number) {
    this.#maxRequests = maxRequests;
  }

  /** Counts the request in; false if it must wait for the next batch. The first always fits: a larger one travels alone. */
  take({ events, body }: VerifiedRequest): boolean {
    this.#requests++;
    this.#events += events.length;
    this.#bytes += body.length + payloadBytes(events);
    const over = this.#requests > this.#maxRequests || this.#events > MAX_EVENTS || this.#bytes > MAX_BYTES;
    return !over || this.#requests === 1;
  }
}
