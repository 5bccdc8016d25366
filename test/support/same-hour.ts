/** Some of WhatsApp's notices have neither id nor time: sent again they are a duplicate within the same UTC hour only. */
import { until } from './until.ts';

const HOUR = 3_600_000;
/** Longer than any test takes that posts such a notice twice. */
const ENOUGH = 20_000;

/** Waits where the hour ends within 20 seconds: what a test posts after this comes in one hour. */
export async function withinSameHour(): Promise<void> {
  await until('the next hour', () => HOUR - (Date.now() % HOUR) > ENOUGH);
}
