/** Percentiles of `webhook_dispatch_seconds` over a stretch of time, read from /metrics. */

interface Bucket {
  /** Seconds; every event of the bucket took at most so long. */
  readonly bound: number;
  readonly events: number;
}

export class DispatchSeconds {
  readonly #url: string;
  #before: readonly Bucket[] = [];

  constructor(port: number) {
    this.#url = `http://127.0.0.1:${port}/metrics`;
  }

  async begin(): Promise<void> {
    this.#before = await this.#read();
  }

  /** Seconds, by linear interpolation within the bucket. */
  async percentile(share: number): Promise<number> {
    const counts = (await this.#read()).map(({ bound, events }, index) => ({
      bound,
      events: events - (this.#before[index]?.events ?? 0),
    }));
    const wanted = share * (counts.at(-1)?.events ?? 0);
    let below: Bucket = { bound: 0, events: 0 };
    for (const bucket of counts) {
      if (bucket.events >= wanted && bucket.events > below.events) {
        const part = (wanted - below.events) / (bucket.events - below.events);
        return below.bound + part * (bucket.bound - below.bound);
      }
      below = bucket;
    }
    return Number.NaN;
  }

  async #read(): Promise<Bucket[]> {
    const text = await (await fetch(this.#url)).text();
    return [...text.matchAll(/^webhook_dispatch_seconds_bucket\{le="([^"]+)"\} (\d+)$/gm)].map(([, le, count]) => ({
      bound: le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le),
      events: Number(count),
    }));
  }
}
