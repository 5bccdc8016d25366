/** What keeps back a delivery that is due: a destination that is paused, or one whose circuit is open. */
import type { Destination } from './destination-names.ts';
import { utc } from './table.ts';

export type DeliveryWait = { readonly for: 'resume' } | { readonly for: 'probe'; readonly at: string | null };

/** Null: what is due is sent. */
export function waitAt({ state, health }: Pick<Destination, 'state' | 'health'>): DeliveryWait | null {
  if (state !== 'active') return { for: 'resume' };
  return health?.circuitOpen === true ? { for: 'probe', at: health.nextProbeAt } : null;
}

/** What somebody who has asked for an attempt should know; null: it is made at once. */
export function waitNote(destination: Destination): string | null {
  const wait = waitAt(destination);
  if (wait === null) return null;
  const { name } = destination;
  const resume = `webhook-gateway destinations resume ${/\s/.test(name) ? `'${name}'` : name}`;
  if (wait.for === 'resume') return `It waits, since ${name} is paused: ${resume}`;
  const next = wait.at === null ? '' : ` (the next at ${utc(wait.at)} UTC)`;
  return `It waits until a probe arrives at ${name}${next}, since its circuit is open. If it is mended: ${resume}`;
}
