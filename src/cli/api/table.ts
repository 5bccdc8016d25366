/** Tables for people: columns that are aligned, and no frame, so that they can be copied from. */
import CliTable from 'cli-table3';

export interface Column<Row> {
  readonly head: string;
  readonly value: (row: Row) => unknown;
  /** May be cut where the terminal is too narrow for the whole row. Never a time or an id: half of one is of no use. */
  readonly shrinks?: true;
}

/** Spaces between two columns. */
const GAP = 2;
const NARROWEST = 8;

const NO_FRAME = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '' },
  ...{ 'bottom-right': '', left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '' },
};

/**
 * @param width columns of the terminal; infinite: nothing is cut
 * @param withHead false: the page goes on with a table above
 */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
  withHead = true,
): string {
  const cells = rows.map((row) => columns.map(({ value }) => cell(value(row))));
  const heads = columns.map(({ head }) => head);
  const printed = new CliTable({
    chars: NO_FRAME,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': GAP },
    colWidths: widths(columns, [heads, ...cells], width),
  });
  printed.push(...(withHead ? [heads, ...cells] : cells));
  return `${printed
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')}\n`;
}

/** Each as wide as its widest cell; those that shrink give way in turn, the widest first. */
function widths(columns: readonly Column<never>[], lines: readonly (readonly string[])[], width: number): number[] {
  const natural = columns.map((_, at) => Math.max(...lines.map((line) => [...(line[at] ?? '')].length)) + GAP);
  // The gap behind the last one is not printed.
  for (let excess = natural.reduce((sum, one) => sum + one, -GAP) - width; excess > 0; excess--) {
    const widest = columns
      .map(({ shrinks }, at) => ({ at, width: shrinks === true ? (natural[at] ?? 0) : 0 }))
      .reduce((best, one) => (one.width > best.width ? one : best));
    if (widest.width <= NARROWEST + GAP) break;
    natural[widest.at] = widest.width - 1;
  }
  return natural;
}

/** A cell of one line, with nothing that would move a terminal's cursor or turn its text round. */
export function cell(value: unknown): string {
  if (value === null || value === undefined || value === '') return '-';
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(cell).join(', ');
  return visible(typeof value === 'object' ? JSON.stringify(value) : String(value));
}

/** What others have written, such as a subject: control characters and marks of direction become U+FFFD. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '\uFFFD');
}

/** `2026-11-20T10:00:00.123Z` as `2026-11-20 10:00:00`, which is UTC as everywhere in the gateway. */
export function utc(time: string | null | undefined): string | null {
  return time === null || time === undefined ? null : time.slice(0, 19).replace('T', ' ');
}
