/** Payloads: each event stands alone, so what several events share is printed once, and its text repeated in each of them. */
import { type JsonDocument, MAX_DEPTH } from '../../core/json.ts';
import { markAltered, toJsonb } from '../../core/json-print.ts';

/** A member of a payload; left out if its value is undefined. */
export type Member = readonly [name: string, value: unknown];

/** Printed members, of which payloads are put together; null if they are nested too deep. */
export type Part = PrintedMembers | null;

interface PrintedMembers {
  readonly text: string;
  /** Length of the text in UTF-8. */
  readonly bytes: number;
  /** True if something jsonb refuses was replaced. */
  readonly altered: boolean;
}

export interface Payloads {
  /**
   * Takes as long as the members are large, and the sender chooses how large. So what several events share is printed
   * where it is read and handed around as a part: printed once for each event, it would block the process for minutes.
   */
  print(members: readonly Member[]): Part;
  /** A payload of these parts as jsonb takes it; null if one of them is, or if it is more than is left of the body's allowance. */
  payload(parts: readonly Part[]): string | null;
}

/**
 * How many times its own size, in bytes, a body's payloads may take together. Without a bound, 4 MiB with 1 MiB of
 * `metadata` and twenty thousand items would ask for 20 GB; at 16 times, PostgreSQL still needs minutes for one body, and
 * a body that cannot be committed in time is sent again for ever. Of Meta's documented bodies, with one of their items
 * repeated a thousand times, the worst takes 3.95 times its size. Below 64 KiB the least allowance stands in for small
 * items: a thousand of `{"id":"a0","status":"read"}` are 30 KB and take 174 KB.
 */
const ALLOWANCE_FACTOR = 4;
const ALLOWANCE_MIN = 256 * 1024;

/** `size`: bytes of the body. */
export function payloadsOf(document: JsonDocument, size: number): Payloads {
  let allowance = Math.max(ALLOWANCE_MIN, ALLOWANCE_FACTOR * size);
  return {
    print(members) {
      const printed: string[] = [];
      let altered = false;
      for (const [name, value] of members) {
        if (value === undefined) continue;
        // The payload's own braces are one level.
        const jsonb = toJsonb(document, value, MAX_DEPTH - 1);
        if (jsonb === null) return null;
        altered ||= jsonb.altered;
        printed.push(`"${name}":${jsonb.text}`);
      }
      const text = printed.join(',');
      return { text, bytes: Buffer.byteLength(text), altered };
    },
    payload(parts) {
      const printed = parts.filter((part) => part !== null);
      const bytes = printed.reduce((sum, part) => sum + part.bytes + 1, 1);
      if (printed.length < parts.length || bytes > allowance) return null;
      allowance -= bytes;
      const members = printed.map(({ text }) => text).filter((text) => text !== '');
      return markAltered({ text: `{${members.join(',')}}`, altered: printed.some(({ altered }) => altered) });
    },
  };
}
