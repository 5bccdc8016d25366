/** Times and spans where a table has little room; what `show` and JSON have is exact. */
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `2026-11-20T10:00:00.123Z` as `11-20 10:00`: without year and seconds. */
export function shortUtc(time: string): string {
  return time.slice(5, 16).replace('T', ' ');
}

/** In one unit: `99s`, `2m`, `12h`, `30d`. */
export function span(milliseconds: number, round: (number: number) => number = Math.ceil): string {
  if (milliseconds <= 99 * SECOND) return `${round(milliseconds / SECOND)}s`;
  if (milliseconds <= 99 * MINUTE) return `${round(milliseconds / MINUTE)}m`;
  if (milliseconds <= 99 * HOUR) return `${round(milliseconds / HOUR)}h`;
  return `${round(milliseconds / DAY)}d`;
}
