/** Appends groups of records to the newest segment, and begins another when that is full or has failed. */
import { SpoolError } from '../../../core/errors.ts';
import type { DiskSpace } from './disk-space.ts';
import { type EncodedRecord, recordPieces } from './record.ts';
import { Segment } from './segment.ts';
import type { SegmentList } from './segment-list.ts';
import { newSegmentBase } from './segment-name.ts';
import { type SpoolFile, type SpoolFiles, writeFully } from './spool-files.ts';

export interface SegmentWriterOptions {
  readonly files: SpoolFiles;
  readonly segments: SegmentList;
  readonly space: DiskSpace;
  /** About so many bytes make a segment. */
  readonly segmentBytes: number;
}

interface Current {
  readonly segment: Segment;
  readonly file: SpoolFile;
}

/** Its methods must not be called while another of them is under way. */
export class SegmentWriter {
  readonly #options: SegmentWriterOptions;
  #current: Current | undefined;

  constructor(options: SegmentWriterOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the records are on the disk. If that fails the segment ends with the last group that succeeded.
   *
   * @throws SpoolError `full` if too little of the disk is free; else the system's error
   */
  async write(records: readonly EncodedRecord[], directory: string): Promise<void> {
    const { files, space, segmentBytes } = this.#options;
    const bytes = records.reduce((sum, record) => sum + record.bytes, 0);
    if (!(await space.allows(bytes, directory))) throw new SpoolError('full', 'Too little of the disk is free');
    const fresh = this.#current === undefined;
    this.#current ??= await this.#begin(directory);
    const { segment, file } = this.#current;
    const start = segment.end ?? 0;
    try {
      await writeFully(file, Buffer.concat(records.flatMap((record) => recordPieces(segment.marker, record))), start);
      await file.datasync();
      if (fresh) await files.syncDirectory(directory);
      // Taken from us by a process that could not see our lock, it may be read to an end before this, and deleted.
      await files.describe(segment.path);
    } catch (error) {
      this.#current = undefined;
      await this.#abandon(segment, file, start + bytes);
      throw error;
    }
    segment.appended(records);
    segment.fileBytes = start + bytes;
    space.written(bytes);
    if (start + bytes >= segmentBytes) await this.seal();
  }

  /** Ends the segment being written, so that it can be read. */
  async seal(): Promise<void> {
    if (this.#current === undefined) return;
    const { segment, file } = this.#current;
    this.#current = undefined;
    segment.sealed = true;
    // Everything in it is synced: what closing could still say has no meaning.
    await file.close().catch(() => undefined);
  }

  async #begin(directory: string): Promise<Current> {
    const { files, segments } = this.#options;
    const segment = Segment.begin(directory, newSegmentBase());
    // Known before it can be seen, or it would be taken for one that somebody left.
    segments.add(segment);
    try {
      return { segment, file: await files.open(segment.path, 'create') };
    } catch (error) {
      segments.delete(segment);
      throw error;
    }
  }

  /** What follows the last good end was not acknowledged: it goes if the disk lets us, and is not read in any case. */
  async #abandon(segment: Segment, file: SpoolFile, written: number): Promise<void> {
    const { files, segments } = this.#options;
    const end = segment.end ?? 0;
    segment.fileBytes = written;
    try {
      await file.truncate(end);
      segment.fileBytes = end;
      if (end === 0) await files.remove(segment.path);
    } catch {
      // Its end is remembered.
    }
    if (end === 0 && segment.fileBytes === 0) segments.delete(segment);
    segment.sealed = true;
    await file.close().catch(() => undefined);
  }
}
