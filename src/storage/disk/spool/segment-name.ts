/** Names of the files in a spool: `<id>.spool`, and for what was put aside of it `<id>.1.rejected` and `<id>.1.corrupt`. */
import { parse, v7 } from 'uuid';

export type SpoolFileKind = 'spool' | 'rejected' | 'corrupt';

export interface SpoolFileName {
  /** Without the ending: the id, and a number where it is none of the first file of that id. */
  readonly base: string;
  readonly kind: SpoolFileKind;
}

const NAME =
  /^([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(?:\.\d+)?)\.(spool|rejected|corrupt)$/;

/** A new id. In the order of names it comes after every earlier one of this process, also when the clock is set back. */
export function newSegmentBase(): string {
  return v7();
}

/** Null if no spool wrote a file of that name. */
export function parseSpoolFileName(name: string): SpoolFileName | null {
  const [, base, kind] = NAME.exec(name) ?? [];
  return base === undefined ? null : { base, kind: kind as SpoolFileKind };
}

/** The bytes that every record of the segment begins with: they follow from its name alone. */
export function markerOf(base: string): Buffer {
  return Buffer.from(parse(base.slice(0, 36)));
}

/**
 * Base of the files for what is put aside of a segment: never that of a segment that exists, or a person who renames a
 * `.rejected` file to `.spool` to have it tried again would overwrite the segment.
 */
export function asideBase(base: string): string {
  return `${base.slice(0, 36)}.${Number(base.slice(37)) + 1}`;
}

/** The name, or where that is taken another one with the same marker and ending. */
export function freeName(name: string, taken: ReadonlySet<string>): string {
  const parsed = parseSpoolFileName(name);
  let free = name;
  for (let number = 1; taken.has(free); number++)
    free = parsed === null ? `${name}.${number}` : `${parsed.base.slice(0, 36)}.${number}.${parsed.kind}`;
  return free;
}
