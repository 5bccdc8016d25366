/** Where deliveries go that are no HTTP requests. */

export type SinkResult =
  | { readonly ok: true }
  /** For people, without any value. The entry may have been written all the same: it then comes twice. */
  | { readonly ok: false; readonly reason: string };

export interface StreamEntry {
  /** Key of the stream. */
  readonly stream: string;
  /** Older entries than about so many are dropped. */
  readonly maxLength: number;
  /** Names and values, in order. */
  readonly fields: readonly (readonly [name: string, value: string | Buffer])[];
}

export interface StreamSink {
  /** Resolves to `ok` when the entry is in the stream. Never rejects, answers within a second. */
  append(entry: StreamEntry): Promise<SinkResult>;
}
