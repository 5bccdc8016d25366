/**
 * When a destination that keeps failing is left alone, and when it is asked again. Its circuit opens after a few failures in a
 * row; from then on one delivery at a time, a probe, finds out whether it is back, at growing intervals.
 */

export interface Health {
  /** In a row; failed probes included. */
  readonly failures: number;
  /** When the first of them was recorded. */
  readonly failingSince: Date | null;
  readonly circuitOpen: boolean;
  /** While the circuit is open: when the next probe may be sent. */
  readonly nextProbeAt: Date | null;
}

export const HEALTHY: Health = { failures: 0, failingSince: null, circuitOpen: false, nextProbeAt: null };

/** Failures in a row that open the circuit. */
export const FAILURES_TO_OPEN = 5;
/** Milliseconds from then to the first probe, and at most between two. */
const FIRST_PROBE = 5_000;
const MAX_PROBE = 300_000;
/** Milliseconds to the next probe where the last one said nothing of the destination. */
const NEXT_CANDIDATE = 1_000;

export interface Outcome {
  /** Did the attempt speak for the destination or against it? Null: neither. */
  readonly healthy: boolean | null;
  readonly probe: boolean;
  /** Milliseconds for which the receiver asks to be left alone; null if it says nothing. */
  readonly retryAfterMs: number | null;
}

/** True for the failed probe of an open circuit: it says nothing of the delivery, which it costs no attempt. */
export function isProbeOnly({ circuitOpen }: Health, { healthy, probe }: Outcome): boolean {
  return circuitOpen && probe && healthy === false;
}

export function healthAfter(health: Health, outcome: Outcome, now: Date): Health {
  const { healthy, probe, retryAfterMs } = outcome;
  if (healthy === true) return HEALTHY;
  const asked = later(now, retryAfterMs ?? 0);
  if (health.circuitOpen) {
    // Whatever was under way when the circuit opened fails late, and tells nothing new, but for how long the receiver wants to wait.
    if (!probe) return retryAfterMs === null ? health : { ...health, nextProbeAt: latest(health.nextProbeAt, asked) };
    if (healthy === null) return { ...health, nextProbeAt: later(now, NEXT_CANDIDATE) };
  }
  if (healthy === null) return health;
  const failures = health.failures + 1;
  const circuitOpen = failures >= FAILURES_TO_OPEN;
  const wait = Math.min(MAX_PROBE, FIRST_PROBE * 2 ** Math.min(10, failures - FAILURES_TO_OPEN));
  return {
    failures,
    failingSince: health.failingSince ?? now,
    circuitOpen,
    nextProbeAt: circuitOpen ? latest(later(now, wait), asked) : null,
  };
}

/** True once it has failed for so many milliseconds without a single success. */
export function hasFailedFor({ circuitOpen, failingSince }: Health, milliseconds: number, now: Date): boolean {
  return circuitOpen && failingSince !== null && now.getTime() - failingSince.getTime() >= milliseconds;
}

function latest(a: Date | null, b: Date): Date {
  return a !== null && a > b ? a : b;
}

function later(now: Date, milliseconds: number): Date {
  return new Date(now.getTime() + milliseconds);
}
