/** Dead deliveries once more, as many at a time as the API takes. */
import { ProgressLine } from '../progress-line.ts';
import { destinationId } from './destination-names.ts';
import type { Session } from './session.ts';

/** The most of one call. */
const AT_A_TIME = 1_000;

export interface RedriveOptions {
  readonly from?: string;
  readonly to?: string;
  readonly limit?: number;
}

/** Of those that are dead when it begins: what dies meanwhile is not tried over and over. */
export async function redrive(
  { api, out, stderr }: Session,
  name: string,
  { from, to, limit }: RedriveOptions,
): Promise<void> {
  const destination = await destinationId(api, name);
  const before = to ?? new Date().toISOString();
  const progress = new ProgressLine(stderr);
  let redriven = 0;
  try {
    for (let more = true; more; ) {
      const atATime = Math.min(AT_A_TIME, (limit ?? Number.POSITIVE_INFINITY) - redriven);
      const body = { destination, from, to: before, limit: atATime };
      const answer = await api.post<{ redriven: number }>('/dead-letters/redrive', body);
      redriven += answer.redriven;
      progress.show(null, () => `${redriven.toLocaleString('en')} deliveries are tried again`);
      more = answer.redriven === atATime && redriven !== limit;
    }
  } finally {
    // Also for what is said of a failure.
    progress.clear();
  }
  if (out.json) out.line(JSON.stringify({ redriven }));
  else out.line(`${redriven.toLocaleString('en')} dead deliveries to ${name} are tried again.`);
}
