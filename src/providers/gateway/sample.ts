/** Bodies as the gateway makes them, to try a destination with. */
import { v5 } from 'uuid';
import { AUTO_PAUSED, autoPaused } from '../../core/own-event.ts';
import type { SampleInput } from '../../core/provider.ts';

export const SAMPLE_TYPES: readonly string[] = [AUTO_PAUSED];

export function sample({ type = AUTO_PAUSED, unique, now }: SampleInput): Buffer {
  if (type !== AUTO_PAUSED) throw new RangeError(`no sample of ${type}; there are ${SAMPLE_TYPES.join(', ')}`);
  const { payload } = autoPaused({
    // Of no destination that there is, and of the same one for the same `unique`.
    id: v5(unique, v5.DNS),
    name: 'sample',
    reason: 'it answered 410 Gone',
    failingSince: now,
    at: now,
  });
  return Buffer.from(payload);
}
