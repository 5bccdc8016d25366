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
};
export const KILLS = inForm(10, 50);
export const STOPS = inForm(3, 10);
export const RELOADS = inForm(3, 20);
/** Restarts with PostgreSQL away. */
export const COLD_STARTS = inForm(1, 3);
export const NONSENSE = { inProcess: inForm(20_000, 200_000), overHttp: inForm(2_000, 20_000) };
/** Connections of senders that are idle, slow or odd. */
export const ODD_SENDERS = 1_000;

/** Fresh webhooks a second. */
export const RATE = 100;

/** Milliseconds for one test, far above what it takes. */
export const TEST_TIMEOUT = inForm(180_000, 900_000);

/** Of answers of 200, and of the way back. Asserted in the full form only: elsewhere the machine may be busy. */
export const LIMITS = { medianMs: 250, p99Ms: 2_500, spoolEmptyMs: 30_000, coldStartMs: 5_000 };
