/** The two forms of the suite: short, for every change, and full (`CHAOS=full`), whose figures docs/reliability.md quotes. */

export const FULL = process.env['CHAOS'] === 'full';

const inForm = <T>(short: T, full: T): T => (FULL ? full : short);

/** Seconds for which a fault lasts. */
export const SECONDS = {
  stopped: inForm(5, 20),
  paused: inForm(5, 15),
  refusing: inForm(5, 20),
  slow: inForm(5, 15),
  cutting: inForm(5, 15),
  redis: inForm(4, 15),
  spoolFull: inForm(3, 10),
  deliveryOutage: inForm(1, 12),
};
export const KILLS = inForm(10, 50);
export const STOPS = inForm(3, 10);
export const RELOADS = inForm(3, 20);
/** Restarts with PostgreSQL away. */
export const COLD_STARTS = inForm(1, 3);
export const NONSENSE = { inProcess: inForm(20_000, 200_000), overHttp: inForm(2_000, 20_000) };
/** Processes that deliver, where none of them is killed. */
export const WORKERS = inForm(1, 2);
/** Kills of workers, and the seconds from one to the next at most. */
export const WORKER_KILLS = inForm(5, 20);
export const BETWEEN_WORKER_KILLS = inForm(1, 15);
/**
 * Deliveries that wait at a destination that is down, the seconds for which another one is watched before and meanwhile, and
 * how many a second the first one takes when it is back.
 */
export const BACKLOG = {
  deliveries: inForm(5_000, 100_000),
  seconds: inForm(3, 60),
  ratePerSecond: inForm(1_000, 500),
};
/** Rounds of PostgreSQL paused, killed and stopped under deliveries. */
export const OUTAGES = inForm(1, 3);
/** Connections of senders that are idle, slow or odd. */
export const ODD_SENDERS = 1_000;

/** Fresh webhooks a second. */
export const RATE = 100;

/** Milliseconds for one test, far above what it takes. */
export const TEST_TIMEOUT = inForm(180_000, 900_000);

/**
 * Of deliveries: milliseconds from the commit of an event to that of its delivery, share that may be sent again after kills, and
 * the shares of its rate at which a backlog drains. Asserted in the full form only, but for `fastest`.
 */
export const DELIVERY_LIMITS = { p99Ms: 250, repeated: 0.01, slowest: 0.7, fastest: 1.1 };

/** Of answers of 200, and of the way back. Asserted in the full form only: elsewhere the machine may be busy. */
export const LIMITS = { medianMs: 250, p99Ms: 2_500, spoolEmptyMs: 30_000, coldStartMs: 5_000 };
