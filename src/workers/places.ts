/** How many deliveries of each destination are under way in this process. */
export class Places {
  readonly #taken = new Map<string, number>();

  take(destinationId: string): void {
    this.#taken.set(destinationId, this.taken(destinationId) + 1);
  }

  giveBack(destinationId: string): void {
    const left = this.taken(destinationId) - 1;
    if (left > 0) this.#taken.set(destinationId, left);
    else this.#taken.delete(destinationId);
  }

  taken(destinationId: string): number {
    return this.#taken.get(destinationId) ?? 0;
  }
}
