/** The segments of this process's directory, its own and those taken over, and the files beside them. */
import { join } from 'node:path';
import { Segment, type Tally } from './segment.ts';
import { parseSpoolFileName } from './segment-name.ts';
import { errorCode, type SpoolFiles } from './spool-files.ts';

export class SegmentList {
  readonly #segments = new Map<string, Segment>();
  /** Bytes of the `.rejected` and `.corrupt` files. */
  asideBytes = 0;

  /** Bytes that everything takes on the disk. */
  get bytesOnDisk(): number {
    let sum = this.asideBytes;
    // Asked at every append: no array for it.
    for (const { fileBytes } of this.#segments.values()) sum += fileBytes;
    return sum;
  }

  all(): Segment[] {
    return [...this.#segments.values()];
  }

  add(segment: Segment): void {
    this.#segments.set(segment.base, segment);
  }

  delete(segment: Segment): void {
    this.#segments.delete(segment.base);
  }

  clear(): void {
    this.#segments.clear();
    this.asideBytes = 0;
  }

  /** What has neither been removed nor rejected. `oldestUnread`: arrival of the oldest of those that were not read either. */
  left(): Tally & { oldestUnread: Date | null } {
    const sum: Tally & { oldestUnread: Date | null } = { records: 0, bytes: 0, oldestUnread: null };
    for (const { left, position, postponed, firstArrival } of this.#segments.values()) {
      sum.records += left.records;
      sum.bytes += left.bytes;
      // Of a segment that is being read, the oldest record left has been read.
      const unread = left.records > 0 && (position === 0 || postponed);
      if (unread) sum.oldestUnread = earlier(sum.oldestUnread, firstArrival);
    }
    return sum;
  }

  /** The first in the order of time of those that may be read now. */
  oldestToRead(): Segment | undefined {
    let oldest: Segment | undefined;
    for (const segment of this.#segments.values()) {
      if (!segment.sealed || segment.finished || segment.postponed) continue;
      if (oldest === undefined || segment.base < oldest.base) oldest = segment;
    }
    return oldest;
  }

  /**
   * Looks what lies in the directory, and adds what was not known: segments moved there from a dead process's directory, or
   * made of a `.rejected` file by hand. Returns those.
   */
  async discover(files: SpoolFiles, directory: string): Promise<readonly Segment[]> {
    const added: Segment[] = [];
    let asideBytes = 0;
    for (const { name } of await files.list(directory)) {
      const parsed = parseSpoolFileName(name);
      if (parsed === null || (parsed.kind === 'spool' && this.#segments.has(parsed.base))) continue;
      const size = await sizeUnlessGone(files, join(directory, name));
      if (size === null) continue;
      if (parsed.kind === 'spool') {
        const segment = Segment.discover(directory, parsed.base, size);
        this.add(segment);
        added.push(segment);
      } else asideBytes += size;
    }
    this.asideBytes = asideBytes;
    return added;
  }
}

/** Drained and deleted since it was listed. */
async function sizeUnlessGone(files: SpoolFiles, path: string): Promise<number | null> {
  try {
    return (await files.describe(path)).size;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Null if both are. */
export function earlier(a: Date | null, b: Date | null): Date | null {
  if (a === null || b === null) return a ?? b;
  return a < b ? a : b;
}
