/** `Retry-After`: seconds, or a date of HTTP. https://www.rfc-editor.org/rfc/rfc9110#field.retry-after */

/** Milliseconds at most: nobody puts a delivery off for ever. */
const MAX = 24 * 3_600_000;

const HTTP_DATE =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT$/;

/** Milliseconds from now, from 0 to 24 hours; null for what is absent or of neither form. */
export function retryAfterMs(value: string | undefined, now: Date): number | null {
  const text = value?.trim() ?? '';
  if (/^\d{1,15}$/.test(text)) return Math.min(MAX, Number(text) * 1000);
  if (!HTTP_DATE.test(text)) return null;
  const time = Date.parse(text);
  return Number.isNaN(time) ? null : Math.min(MAX, Math.max(0, time - now.getTime()));
}
