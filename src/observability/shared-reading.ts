/** What gauges read of the database at a scrape: one query for several gauges, and for several that scrape at a time. */

/** Milliseconds for which what was read is good enough. */
const FRESH_MS = 1_000;

/** While it cannot be read, what was known last: ages go on growing. Null if nothing is known yet. */
export function sharedReading<T>(read: () => Promise<T>): () => Promise<T | null> {
  let last: T | null = null;
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<T | null> | undefined;
  return async () => {
    if (performance.now() - readAt < FRESH_MS) return last;
    reading ??= read()
      .then((counts) => {
        last = counts;
        return counts;
      })
      .catch(() => last)
      .finally(() => {
        readAt = performance.now();
        reading = undefined;
      });
    return reading;
  };
}
