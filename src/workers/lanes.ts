/**
 * What this process holds of each destination: deliveries under way, and such as were leased ahead and begin as places get free.
 *
 * Leased ahead is only what is about to be sent, as far as the last moments tell: whatever waits here does not know that its
 * destination has been paused or changed, and nobody else can take it.
 */
import { FAILURES_TO_OPEN } from '../core/circuit.ts';
import type { LeasedDelivery } from '../core/delivery.ts';
import { LanePace } from './lane-pace.ts';

/** Milliseconds of a destination's present pace for which deliveries are leased ahead. */
const AHEAD_MS = 200;
/** Milliseconds for which a delivery may wait here: then the pace was none, and it is given back. */
const MAX_WAIT_MS = 1_000;

interface Waiting {
  readonly delivery: LeasedDelivery;
  readonly since: number;
}

interface Lane {
  /** How many may be under way here, as the last claim had it. */
  places: number;
  underWay: number;
  /** Live ones before replays. */
  readonly waiting: Waiting[];
  /** Replays among them. */
  replays: number;
  failures: number;
  readonly pace: LanePace;
}

export interface LanesOptions {
  /** Deliveries under way at a time, over all destinations. */
  readonly maxUnderWay: number;
  /** Deliveries leased ahead at a time, over all destinations. */
  readonly maxAhead: number;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

export class Lanes {
  readonly #options: LanesOptions;
  readonly #now: () => number;
  readonly #lanes = new Map<string, Lane>();
  #underWay = 0;
  #waiting = 0;

  constructor(options: LanesOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  get underWay(): number {
    return this.#underWay;
  }

  /** Deliveries that were leased ahead and have not begun. */
  get waiting(): number {
    return this.#waiting;
  }

  /** A claim has brought these. */
  add(deliveries: readonly LeasedDelivery[]): void {
    const since = this.#now();
    for (const delivery of deliveries) {
      const lane = this.#lane(delivery.destination.id);
      lane.places = delivery.places;
      // To the store its circuit is closed, or this is a probe: it may be tried, and stopped by the next failure.
      lane.failures = Math.min(lane.failures, FAILURES_TO_OPEN - 1);
      if (delivery.replay) lane.replays++;
      // Spliced in only where replays wait: claims bring a thousand.
      if (delivery.replay || lane.replays === 0) lane.waiting.push({ delivery, since });
      else lane.waiting.splice(lane.waiting.length - lane.replays, 0, { delivery, since });
      lane.pace.busy(since);
    }
    this.#waiting += deliveries.length;
  }

  /** The next that begins, of each destination in turn; it is under way from now on. Undefined: there is no place, or none that may begin. */
  next(): LeasedDelivery | undefined {
    if (this.#waiting === 0 || this.#underWay >= this.#options.maxUnderWay) return undefined;
    const now = this.#now();
    const earliest = now - MAX_WAIT_MS;
    for (const [id, lane] of this.#lanes) {
      const [first] = lane.waiting;
      if (first === undefined || lane.underWay >= lane.places || isDown(lane) || first.since < earliest) continue;
      lane.waiting.shift();
      if (first.delivery.replay) lane.replays--;
      lane.underWay++;
      this.#waiting--;
      this.#underWay++;
      if (hasNothingFor(lane)) lane.pace.idle(now);
      // To the end of the line.
      this.#lanes.delete(id);
      this.#lanes.set(id, lane);
      return first.delivery;
    }
    return undefined;
  }

  /** One that was under way has ended. `healthy`: as its report has it. */
  ended(destinationId: string, healthy: boolean | null): void {
    const lane = this.#lane(destinationId);
    lane.underWay--;
    this.#underWay--;
    lane.pace.answered();
    if (hasNothingFor(lane)) lane.pace.idle(this.#now());
    if (healthy !== null) lane.failures = healthy ? 0 : lane.failures + 1;
  }

  /** True if all of a destination's places are taken. */
  isFull(destinationId: string): boolean {
    const lane = this.#lanes.get(destinationId);
    return lane !== undefined && lane.underWay >= lane.places;
  }

  /** How many each destination may have leased ahead; those that are not in it, none. */
  ahead(): ReadonlyMap<string, number> {
    const now = this.#now();
    const share = Math.floor(this.#options.maxAhead / Math.max(1, this.#lanes.size));
    const ahead = new Map<string, number>();
    for (const [id, lane] of this.#lanes) {
      const inTime = Math.floor(lane.pace.measure(now) * AHEAD_MS);
      const count = lane.failures > 0 ? 0 : Math.min(share, inTime);
      if (count > 0) ahead.set(id, count);
      if (inTime < 1 && isEmpty(lane)) this.#lanes.delete(id);
    }
    return ahead;
  }

  /**
   * Takes out what is not to be sent: it has waited too long, or its destination is one of these, or fails again and again, so
   * that its circuit may be open by now.
   */
  giveUp(destinationIds: readonly string[] = []): LeasedDelivery[] {
    const earliest = this.#now() - MAX_WAIT_MS;
    const givenUp: LeasedDelivery[] = [];
    for (const [id, lane] of this.#lanes) {
      const { waiting } = lane;
      const all = isDown(lane) || destinationIds.includes(id);
      const kept = all ? [] : waiting.filter(({ since }) => since >= earliest);
      if (kept.length === waiting.length) continue;
      const keptOnes = new Set(kept);
      givenUp.push(...waiting.filter((one) => !keptOnes.has(one)).map(({ delivery }) => delivery));
      waiting.splice(0, waiting.length, ...kept);
      lane.replays = kept.filter(({ delivery }) => delivery.replay).length;
    }
    this.#waiting -= givenUp.length;
    return givenUp;
  }

  /** As `giveUp`, of everything. */
  giveUpAll(): LeasedDelivery[] {
    return this.giveUp([...this.#lanes.keys()]);
  }

  #lane(destinationId: string): Lane {
    const known = this.#lanes.get(destinationId);
    if (known !== undefined) return known;
    const lane = { places: 0, underWay: 0, waiting: [], replays: 0, failures: 0, pace: new LanePace(this.#now()) };
    this.#lanes.set(destinationId, lane);
    return lane;
  }
}

/** Its circuit may be open by now. */
function isDown({ failures }: Lane): boolean {
  return failures >= FAILURES_TO_OPEN;
}

/** A place is free, and nothing is there to take it. */
function hasNothingFor({ underWay, places, waiting }: Lane): boolean {
  return waiting.length === 0 && underWay < places;
}

function isEmpty({ underWay, waiting, pace }: Lane): boolean {
  return underWay === 0 && waiting.length === 0 && pace.isFresh;
}
