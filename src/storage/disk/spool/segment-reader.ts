/** Reads one segment from front to back, and finds the way behind damage. */
import { checksumOf, decodeHead, HEAD_BYTES, MARKER_BYTES, type RecordHead } from './record.ts';
import { readFully, type SpoolFile } from './spool-files.ts';

/** Bytes read at a time. */
const CHUNK_BYTES = 256 * 1024;

/** What lies at a place of a segment. `torn`: the end of what was never finished. `corrupt`: bytes that once were right. */
export type Found =
  | { readonly kind: 'record'; readonly offset: number; readonly length: number; metadata: Buffer; body: Buffer }
  | { readonly kind: 'torn' | 'corrupt'; readonly offset: number; readonly length: number };

/**
 * Holds no more than a chunk, or one record if that is larger. What it returns does not share memory with it.
 */
export class SegmentReader {
  readonly #file: SpoolFile;
  readonly #marker: Buffer;
  readonly #end: number;
  #chunk: Buffer = Buffer.alloc(0);
  #chunkAt = 0;

  /** @param end where to stop: the file must be at least as long */
  constructor(file: SpoolFile, marker: Buffer, end: number) {
    this.#file = file;
    this.#marker = marker;
    this.#end = end;
  }

  /** What lies at the offset, where a record or damage begins; null at the end. */
  async at(offset: number): Promise<Found | null> {
    if (offset >= this.#end) return null;
    const head = await this.#headAt(offset);
    const next = head === null ? null : offset + lengthOf(head);
    if (head !== null && next !== null && next <= this.#end) {
      const content = await this.read(offset + HEAD_BYTES, head.metadataBytes + head.bodyBytes);
      const metadata = content.subarray(0, head.metadataBytes);
      const body = content.subarray(head.metadataBytes);
      if (checksumOf(metadata, body) === head.checksum)
        return { kind: 'record', offset, length: next - offset, metadata, body };
      // The head is right, hence its lengths: the damage ends with the record.
      if (next === this.#end || (await this.#headAt(next)) !== null)
        return { kind: 'corrupt', offset, length: next - offset };
    }
    const resume = await this.#findHead(offset + 1);
    if (resume !== null) return { kind: 'corrupt', offset, length: resume - offset };
    const torn = (next !== null && next > this.#end) || (await this.#isZeros(offset + HEAD_BYTES));
    return { kind: torn ? 'torn' : 'corrupt', offset, length: this.#end - offset };
  }

  /** A copy of the bytes from `offset`, fewer at the end. */
  async read(offset: number, bytes: number): Promise<Buffer> {
    const length = Math.max(0, Math.min(bytes, this.#end - offset));
    if (length > CHUNK_BYTES) return readFully(this.#file, offset, length);
    if (offset < this.#chunkAt || offset + length > this.#chunkAt + this.#chunk.length) {
      this.#chunk = await readFully(this.#file, offset, Math.min(CHUNK_BYTES, this.#end - offset));
      this.#chunkAt = offset;
    }
    const from = offset - this.#chunkAt;
    return Buffer.from(this.#chunk.subarray(from, from + length));
  }

  async #headAt(offset: number): Promise<RecordHead | null> {
    return decodeHead(this.#marker, await this.read(offset, HEAD_BYTES));
  }

  async #findHead(from: number): Promise<number | null> {
    for (let offset = from; offset + HEAD_BYTES <= this.#end; ) {
      const chunk = await this.read(offset, CHUNK_BYTES);
      for (let hit = chunk.indexOf(this.#marker); hit !== -1; hit = chunk.indexOf(this.#marker, hit + 1)) {
        if ((await this.#headAt(offset + hit)) !== null) return offset + hit;
      }
      // A marker may begin in the last bytes of this chunk.
      offset += chunk.length - (MARKER_BYTES - 1);
    }
    return null;
  }

  /** True if nothing but zeros follows: the length had reached the disk, the bytes had not. */
  async #isZeros(from: number): Promise<boolean> {
    for (let offset = from; offset < this.#end; offset += CHUNK_BYTES) {
      const chunk = await this.read(offset, CHUNK_BYTES);
      if (chunk.some((byte) => byte !== 0)) return false;
    }
    return true;
  }
}

function lengthOf({ metadataBytes, bodyBytes }: RecordHead): number {
  return HEAD_BYTES + metadataBytes + bodyBytes;
}
