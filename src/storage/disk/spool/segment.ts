/** What is known of one segment file: how far it is written, read and drained. */
import { join } from 'node:path';
import type { EncodedRecord } from './record.ts';
import { markerOf } from './segment-name.ts';

/** Records, and the bytes that they take in the file. */
export interface Tally {
  records: number;
  bytes: number;
}

export class Segment {
  /** Name without its ending. */
  readonly base: string;
  readonly path: string;
  readonly marker: Buffer;
  /** False while records are still appended to it. */
  sealed: boolean;
  /** Where its acknowledged records end; null: found by reading, another process wrote it. */
  end: number | null;
  /** Bytes that it takes on the disk. */
  fileBytes: number;
  /** False while its records are still being counted. */
  counted: boolean;
  /** Arrival of its first record. */
  firstArrival: Date | null = null;
  /** Where reading goes on. */
  position = 0;
  /** Read to its end. */
  finished = false;
  /** It could not be read or deleted just now, and is left alone for a while. */
  postponed = false;
  readonly found: Tally = { records: 0, bytes: 0 };
  readonly read: Tally = { records: 0, bytes: 0 };
  /** Removed or rejected. */
  readonly gone: Tally = { records: 0, bytes: 0 };

  private constructor(
    directory: string,
    base: string,
    from: Pick<Segment, 'sealed' | 'end' | 'fileBytes' | 'counted'>,
  ) {
    this.base = base;
    this.path = join(directory, `${base}.spool`);
    this.marker = markerOf(base);
    this.sealed = from.sealed;
    this.end = from.end;
    this.fileBytes = from.fileBytes;
    this.counted = from.counted;
  }

  /** One that this process is about to write. */
  static begin(directory: string, base: string): Segment {
    return new Segment(directory, base, { sealed: false, end: 0, fileBytes: 0, counted: true });
  }

  /** One that was found as a file. */
  static discover(directory: string, base: string, fileBytes: number): Segment {
    return new Segment(directory, base, { sealed: true, end: null, fileBytes, counted: false });
  }

  /** Every record that was read has been removed or rejected, and there is nothing more to read. */
  get drained(): boolean {
    return this.finished && this.gone.records === this.read.records;
  }

  /** Records that are left. While the segment is being counted: those found so far. */
  get left(): Tally {
    const { records, bytes } = this.finished ? this.read : this.found;
    return { records: Math.max(0, records - this.gone.records), bytes: Math.max(0, bytes - this.gone.bytes) };
  }

  /** These are on the disk now. */
  appended(records: readonly EncodedRecord[]): void {
    this.firstArrival ??= records[0]?.receivedAt ?? null;
    for (const { bytes } of records) {
      this.found.records += 1;
      this.found.bytes += bytes;
      this.end = (this.end ?? 0) + bytes;
    }
  }
}
