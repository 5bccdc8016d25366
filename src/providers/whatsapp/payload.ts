/** Payloads: each event stands alone, so what a change says once is repeated in each of its items. */
import { type JsonDocument, MAX_DEPTH } from '../../core/json.ts';
import { type JsonbText, markAltered, toJsonb } from '../../core/json-print.ts';

/** A member of a payload; left out if its value is undefined. */
export type Member = readonly [name: string, value: unknown];

export interface Payloads {
  /** The members that all payloads of a change begin with, printed once; null if they are nested too deep. */
  head(members: readonly Member[]): JsonbText | null;
  /** A whole payload as jsonb takes it; null if it is nested deeper than `MAX_DEPTH` or the body's allowance is used up. */
  payload(head: JsonbText | null, members: readonly Member[]): string | null;
}

/**
 * How many times its own size a body's payloads may take together. A thousand statuses of the shortest kind take
 * 3.4 times; without a bound, a body of 4 MiB with 1 MiB of `metadata` and a hundred thousand items would ask for 100 GB.
 */
const ALLOWANCE_FACTOR = 16;
const ALLOWANCE_MIN = 65_536;

export function payloadsOf(document: JsonDocument): Payloads {
  let allowance = Math.max(ALLOWANCE_MIN, ALLOWANCE_FACTOR * document.text.length);

  const print = (members: readonly Member[]): JsonbText | null => {
    if (allowance < 0) return null;
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
    allowance -= text.length;
    return { text, altered };
  };

  return {
    head: print,
    payload(head, members) {
      const own = head === null ? null : print(members);
      if (head === null || own === null) return null;
      allowance -= head.text.length;
      return markAltered({ text: `{${head.text},${own.text}}`, altered: head.altered || own.altered });
    },
  };
}
