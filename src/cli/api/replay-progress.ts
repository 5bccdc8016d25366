/** A replay as somebody at a terminal follows it: first the walk over the events, then their deliveries. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';
import type { replayDetail, replay as replaySchema } from '../../http/routes/api/replay-schemas.ts';
import { ProgressLine } from '../progress-line.ts';
import { untilThere } from './api-client.ts';
import { destinationNames } from './destination-names.ts';
import type { Session } from './session.ts';

export type Replay = z.infer<typeof replaySchema>;
export type ReplayDetail = z.infer<typeof replayDetail>;

/** Milliseconds between two looks. */
const LOOK_MS = 500;

export function cancelHint(id: string): string {
  return `Cancel it: webhook-gateway replays cancel ${id}`;
}

/** With the names of its destinations, where people read it. @returns it as it was printed */
export async function printReplay<Shown extends Replay>(session: Session, replay: Shown): Promise<Shown> {
  const named = { ...replay, destinations: replay.destinations?.map(await destinationNames(session)) ?? null };
  session.out.record(named);
  return named;
}

/** Until nothing of it is left to be done. Ctrl-C ends the command and not the replay. */
export async function followReplay(session: Session, id: string): Promise<void> {
  const { api, out, exitWith } = session;
  const signal = session.stopSignal();
  const line = new ProgressLine(session.stderr);
  const look = () => api.get<ReplayDetail>(`/replays/${encodeURIComponent(id)}`);
  const onAway = () => {
    line.clear();
    out.note('The gateway does not answer: looking again.');
  };
  try {
    for (;;) {
      const replay = await untilThere(look, signal, onAway);
      signal.throwIfAborted();
      if (hasEnded(replay)) {
        line.clear();
        tellEnd(await printReplay(session, replay), session);
        return;
      }
      const { share, text } = progressOf(replay);
      line.show(share, () => text);
      await sleep(LOOK_MS, undefined, { signal });
    }
  } catch (error) {
    line.clear();
    if (!signal.aborted) throw error;
    out.note(`The replay goes on. Wait for it: webhook-gateway replays wait ${id}\n${cancelHint(id)}`);
    exitWith(signal.reason === 'SIGTERM' ? 143 : 130);
  }
}

function hasEnded({ state, deliveries }: ReplayDetail): boolean {
  return state !== 'running' && state !== 'cancelling' && deliveries.pending === 0;
}

/** Exit code 1 unless everything was delivered. */
function tellEnd({ state, error, destinations, deliveries }: ReplayDetail, { out, exitWith }: Session): void {
  if (state === 'done' && deliveries.dead === 0) return;
  exitWith(1);
  if (state === 'failed') out.note(`It failed: ${error ?? 'no reason given'}`);
  if (deliveries.dead === 0) return;
  const whose = destinations?.length === 1 ? destinations[0] : '<destination>';
  out.note(`${deliveries.dead} are dead. Try them again: webhook-gateway deliveries redrive ${whose}`);
}

export interface ShownProgress {
  readonly share: number;
  readonly text: string;
}

export function progressOf({ state, progress, scanned, owed, deliveries }: ReplayDetail): ShownProgress {
  if (state === 'running') {
    const text = `${Math.floor(progress * 100)} % walked, ${count(scanned)} events seen, ${count(owed)} deliveries owed`;
    return { share: progress, text };
  }
  const { pending, delivered, dead, cancelled } = deliveries;
  const finished = delivered + dead + cancelled;
  const share = finished + pending === 0 ? 1 : finished / (finished + pending);
  const rest = cancelled === 0 ? '' : `, ${count(cancelled)} cancelled`;
  const text = `${Math.floor(share * 100)} %, ${count(delivered)} delivered, ${count(dead)} dead, ${count(pending)} pending${rest}`;
  return { share, text };
}

function count(number: number): string {
  return number.toLocaleString('en');
}
