/** What a measurement is given, and what it gives back. */
import type { Load } from './load/load.ts';
import type { Servers } from './servers.ts';

export interface Bench {
  readonly servers: Servers;
  readonly load: Load;
  /** Rounds in which the rivals take turns; figures are medians over them. */
  readonly rounds: number;
  /** Seconds of each turn. */
  readonly seconds: number;
  /** Requests a second up to which bodies are prepared: above every rival here. */
  readonly topRate: number;
  /** What an earlier measurement of this run has found. */
  readonly known: { gatewayRate?: number };
  log(line: string): void;
}

/** One line of the table. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit?: string;
  /** Passes if `value` is on the right side of it. */
  readonly required?: number;
  readonly aim?: number;
  readonly better?: 'higher' | 'lower';
  readonly note?: string;
}

export type Measurement = (bench: Bench) => Promise<readonly Figure[]>;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
