/** What an erasure is doing: one line that is drawn over itself on a terminal, elsewhere nothing. */

export interface StepStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export class StepDisplay {
  readonly #stream: StepStream;

  constructor(stream: StepStream) {
    this.#stream = stream;
  }

  show(step: string): void {
    if (this.#stream.isTTY === true) this.#stream.write(`\r${step} …\x1b[K`);
  }

  clear(): void {
    if (this.#stream.isTTY === true) this.#stream.write('\r\x1b[K');
  }
}
