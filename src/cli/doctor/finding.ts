/** What a check of `npm run doctor` has found. */

/** Only a `fault` makes the command fail. A `warning` is worth knowing, and the gateway works with it. */
export type Level = 'ok' | 'warning' | 'fault';

export interface Finding {
  readonly level: Level;
  /** One sentence, without any secret. */
  readonly text: string;
  /** What to do; absent where there is nothing to do or the text says it already. */
  readonly advice?: string;
}

export interface Section {
  readonly name: string;
  readonly findings: readonly Finding[];
}

export function ok(text: string): Finding {
  return { level: 'ok', text };
}

export function warning(text: string, advice?: string): Finding {
  return advice === undefined ? { level: 'warning', text } : { level: 'warning', text, advice };
}

export function fault(text: string, advice?: string): Finding {
  return advice === undefined ? { level: 'fault', text } : { level: 'fault', text, advice };
}
