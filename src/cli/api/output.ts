/** What a command prints: tables on a terminal, JSON for programs. */
import { type Column, cell, table } from './table.ts';

/** Standard output or error. */
export interface TerminalStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(content: string | Uint8Array): unknown;
}

export interface OutputOptions {
  readonly json: boolean;
  readonly stdout: TerminalStream;
  readonly stderr: TerminalStream;
}

/** Of a terminal that does not tell its width. */
const DEFAULT_WIDTH = 120;

export class Output {
  /** One value a line; else for people. */
  readonly json: boolean;
  readonly #stdout: TerminalStream;
  readonly #stderr: TerminalStream;

  constructor({ json, stdout, stderr }: OutputOptions) {
    this.json = json;
    this.#stdout = stdout;
    this.#stderr = stderr;
  }

  /**
   * One line of JSON for each row, or a table.
   *
   * @param first false: a page that goes on with the rows before
   */
  rows<Row>(columns: readonly Column<Row>[], rows: readonly Row[], first = true): void {
    if (this.json) for (const row of rows) this.line(JSON.stringify(row));
    else if (rows.length > 0) this.#stdout.write(table(columns, rows, this.#width(), first));
    else if (first) this.note('There is nothing.');
  }

  /** One thing with all its fields. `text`: its JSON as the gateway wrote it, with every digit of its numbers. */
  record(value: object, text: string = JSON.stringify(value)): void {
    if (this.json) this.line(text.trimEnd());
    else this.#stdout.write(fields(value));
  }

  /** A result for people; programs know by the exit code. */
  done(sentence: string): void {
    if (!this.json) this.line(sentence);
  }

  line(text: string): void {
    this.#stdout.write(`${text}\n`);
  }

  bytes(content: Uint8Array): void {
    this.#stdout.write(content);
  }

  /** Beside the result, on standard error. */
  note(sentence: string): void {
    this.#stderr.write(`${sentence}\n`);
  }

  /** Nothing is cut but on a terminal, where a line would break. */
  #width(): number {
    const { isTTY, columns } = this.#stdout;
    return isTTY === true ? (columns ?? DEFAULT_WIDTH) : Number.POSITIVE_INFINITY;
  }
}

/** A line for each field: those of objects inside by their path, `target.url` for instance. */
export function fields(value: object): string {
  const lines = flatten(value, '');
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, text]) => `${name.padEnd(width)}  ${text}\n`).join('');
}

function flatten(value: object, prefix: string): (readonly [string, string])[] {
  return Object.entries(value).flatMap(([name, member]) => {
    const path = `${prefix}${name}`;
    const nested = typeof member === 'object' && member !== null && !Array.isArray(member);
    return nested && Object.keys(member).length > 0 ? flatten(member, `${path}.`) : [[path, cell(member)] as const];
  });
}
