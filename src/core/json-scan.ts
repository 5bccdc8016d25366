/** One pass over JSON text for what `JSON.parse` does not tell: how deep it is nested, and which numbers a double cannot hold. */

export interface JsonScan {
  /** The most containers inside one another; 0 for a bare string, number or literal. */
  readonly depth: number;
  /** Where the numbers stand that have 16 or more digits or an exponent: start and end of each, in turn. */
  readonly exactNumbers: readonly number[];
}

/** From this many digits on, a decimal number may not survive the way through a double. */
const EXACT_DIGITS = 16;

const QUOTE = 0x22;
const PLUS = 0x2b;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const UPPER_E = 0x45;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const LOWER_E = 0x65;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Scans text that `JSON.parse` has already accepted: nothing here checks the grammar. Never recurses. */
export function scanJson(text: string): JsonScan {
  const exactNumbers: number[] = [];
  let open = 0;
  let depth = 0;
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
    } else if (code === MINUS || isDigit(code)) {
      const end = endOfNumber(text, at);
      if (needsExactness(text, at, end)) exactNumbers.push(at, end);
      at = end;
    } else {
      open += nesting(code);
      depth = Math.max(depth, open);
      at++;
    }
  }
  return { depth, exactNumbers };
}

function nesting(code: number): 1 | 0 | -1 {
  if (code === OPEN_BRACE || code === OPEN_BRACKET) return 1;
  return code === CLOSE_BRACE || code === CLOSE_BRACKET ? -1 : 0;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  for (let code = text.charCodeAt(at); code !== QUOTE; code = text.charCodeAt(at)) at += code === BACKSLASH ? 2 : 1;
  return at + 1;
}

function endOfNumber(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && isNumberCode(text.charCodeAt(at))) at++;
  return at;
}

function needsExactness(text: string, start: number, end: number): boolean {
  let digits = 0;
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === LOWER_E || code === UPPER_E) return true;
    if (isDigit(code)) digits++;
  }
  return digits >= EXACT_DIGITS;
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

function isNumberCode(code: number): boolean {
  return isDigit(code) || code === MINUS || code === DOT || code === PLUS || code === LOWER_E || code === UPPER_E;
}
