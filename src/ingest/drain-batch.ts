/** From records of the spool to the requests of one statement. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { VerifiedRequest, WebhookProviderName } from '../core/event.ts';
import type { Provider } from '../core/provider.ts';
import type { SpooledRequest } from '../core/spool.ts';
import { BatchSize } from './batch-size.ts';
import { requestFromSpool } from './verified-request.ts';

/** Bytes of bodies made into events in one turn of the event loop: others have to be served in between. */
const BYTES_A_TURN = 64 * 1024;

export interface DrainBatch {
  /** The first records, as many as fit into one statement. */
  readonly batch: readonly { readonly record: SpooledRequest; readonly request: VerifiedRequest }[];
  /** Of a provider that this release does not know: another release has spooled them. */
  readonly unknown: readonly SpooledRequest[];
}

export async function drainBatch(
  records: readonly SpooledRequest[],
  providers: Readonly<Record<WebhookProviderName, Provider>>,
): Promise<DrainBatch> {
  const size = new BatchSize(Number.POSITIVE_INFINITY);
  const batch: { record: SpooledRequest; request: VerifiedRequest }[] = [];
  const unknown: SpooledRequest[] = [];
  let bytes = 0;
  for (const record of records) {
    if (!Object.hasOwn(providers, record.provider)) {
      unknown.push(record);
      continue;
    }
    const request = requestFromSpool(record, providers[record.provider]);
    if (!size.take(request)) break;
    batch.push({ record, request });
    bytes += record.body.length;
    if (bytes < BYTES_A_TURN) continue;
    bytes = 0;
    await nextTurn();
  }
  return { batch, unknown };
}
