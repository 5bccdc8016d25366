/** A source: one configured inbound endpoint of a provider. */
import type { Provider } from './provider.ts';

export interface Source {
  /** Part of the identity of every event, so it never changes once events are stored. */
  readonly name: string;
  readonly provider: Provider;
  /** URL path under which the provider posts. */
  readonly path: string;
  /** Every active secret; the position of the one that matched is counted. */
  readonly secrets: readonly string[];
  /** Accepted tokens of the provider's URL check; empty where there is none. */
  readonly verifyTokens: readonly string[];
  /** Seconds that a signed time may lie from the clock, both ways. */
  readonly toleranceSeconds: number;
}
