/** The gateway itself, whose events `core/own-event.ts` makes. Nobody posts them, so there is nothing to verify or to sign. */
import { AUTO_PAUSED } from '../../core/own-event.ts';
import type { Origin } from '../../core/provider.ts';
import { native } from './native.ts';
import { parse } from './parse.ts';
import { sample } from './sample.ts';

export const gateway: Origin = {
  name: 'gateway',
  signatureHeader: null,
  // An own event has no id but its row's; in its key stands the destination's.
  idPrefixes: [`${AUTO_PAUSED}:`],
  parse,
  native,
  sample,
};
