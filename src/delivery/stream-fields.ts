/** The entry of a delivery in a stream. The same delivery may come twice: `delivery` tells. */
import type { LeasedDelivery } from '../core/delivery.ts';
import type { StreamEntry } from '../core/sink.ts';

/** `event` and `type` are missing with the format `original`, which is a request and may hold several. `replay` is on replays only. */
export function streamFields({ id, event, source, replay }: LeasedDelivery, payload: Buffer): StreamEntry['fields'] {
  const ofEvent =
    event === null
      ? []
      : ([
          ['event', event.id],
          ['type', event.type],
        ] as const);
  const ofReplay = replay ? ([['replay', 'true']] as const) : [];
  return [['delivery', id], ...ofEvent, ['source', source], ...ofReplay, ['payload', payload]];
}
