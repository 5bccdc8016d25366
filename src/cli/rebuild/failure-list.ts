/** The events that failed: all are counted, and the first are named. */
import type { ProjectionFailure } from '../../core/dispatch.ts';

const NAMED = 5;

export class FailureList {
  readonly #first: ProjectionFailure[] = [];
  #count = 0;

  add(failure: ProjectionFailure): void {
    this.#count++;
    if (this.#first.length < NAMED) this.#first.push(failure);
  }

  /** One line for each event, or none. Ids and where it was thrown; nothing of a payload. */
  lines(): string[] {
    const more = this.#count - this.#first.length;
    return [
      ...this.#first.map(({ eventId, error }) => `  ${eventId}  ${error}`),
      ...(more > 0 ? [`  and ${more.toLocaleString('en')} more`] : []),
    ];
  }
}
