/** Percentiles of latencies. */

export interface Latency {
  readonly count: number;
  /** Milliseconds; 0 where there is none. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export function latencyOf(milliseconds: readonly number[]): Latency {
  const sorted = Float64Array.from(milliseconds).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}
