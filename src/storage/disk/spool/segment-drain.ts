/** Hands out the records of the segments in order of time, until they are removed. */
import { basename, dirname } from 'node:path';
import type { Logger } from 'pino';
import type { SpooledRequest, SpoolLimit } from '../../../core/spool.ts';
import { type OpenSegment, openSegment } from './open-segment.ts';
import { decodeRequest, encodeRecord, recordPieces } from './record.ts';
import type { Segment } from './segment.ts';
import type { SegmentList } from './segment-list.ts';
import { asideBase } from './segment-name.ts';
import type { Found, SegmentReader } from './segment-reader.ts';
import { type Chunks, setAside, stretch } from './set-aside.ts';
import { errorCode, type SpoolFiles } from './spool-files.ts';

export interface SegmentDrainOptions {
  readonly files: SpoolFiles;
  readonly segments: SegmentList;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
  /** Ends the segment that is being written, so that it can be read. */
  readonly seal: () => Promise<void>;
}

/** A record in the hands of whoever drains. */
interface Handed {
  readonly request: SpooledRequest;
  readonly segment: Segment;
  readonly bytes: number;
}

/** Its methods must not be called while another of them is under way. */
export class SegmentDrain {
  readonly #options: SegmentDrainOptions;
  /** Read and neither removed nor rejected, in order. One more than was asked for: the oldest that is left is always known. */
  #handed: Handed[] = [];
  #open: OpenSegment | undefined;
  readonly #told = new WeakSet<Segment>();
  torn = 0;
  corrupt = 0;
  rejected = 0;

  constructor(options: SegmentDrainOptions) {
    this.#options = options;
  }

  /** Arrival of the oldest record that has been read and is left. */
  get oldestRead(): Date | undefined {
    return this.#handed[0]?.request.receivedAt;
  }

  async peek({ records, bytes }: SpoolLimit): Promise<readonly SpooledRequest[]> {
    const batch: SpooledRequest[] = [];
    let size = 0;
    for (;;) {
      const next = this.#handed[batch.length] ?? (await this.#readNext(batch.length === 0));
      if (next === undefined) return batch;
      size += next.request.body.length;
      if (batch.length > 0 && (batch.length >= records || size > bytes)) return batch;
      batch.push(next.request);
    }
  }

  /** What is not there, or no longer, is passed over. */
  async remove(requests: readonly SpooledRequest[]): Promise<void> {
    const removed = new Set(requests);
    const touched = new Set<Segment>();
    this.#handed = this.#handed.filter(({ request, segment, bytes }) => {
      if (!removed.has(request)) return true;
      segment.gone.records += 1;
      segment.gone.bytes += bytes;
      touched.add(segment);
      return false;
    });
    for (const segment of touched) if (segment.drained) await this.#delete(segment);
  }

  /** @throws the system's error if it cannot be written: then the record stays */
  async reject(request: SpooledRequest): Promise<void> {
    const handed = this.#handed.find((one) => one.request === request);
    if (handed === undefined) return;
    const { segment, bytes } = handed;
    const record = encodeRecord(request, [...request.eventIds]);
    const name = `${asideBase(segment.base)}.rejected`;
    await this.#aside(segment, name, [Buffer.concat(recordPieces(segment.marker, record))], record.bytes);
    this.rejected += 1;
    const { id, source } = request;
    this.#options.logger.error({ requestId: id, source, file: name, bytes }, 'a spooled request was set aside');
    await this.remove([request]);
  }

  /** Another try with what could not be read or deleted. */
  async retryPostponed(): Promise<void> {
    for (const segment of this.#options.segments.all()) {
      if (!segment.postponed) continue;
      segment.postponed = false;
      if (segment.drained) await this.#delete(segment);
    }
  }

  /** Forgets everything, as when the directory is gone. */
  async reset(): Promise<void> {
    this.#handed = [];
    await this.#closeFile();
  }

  async #readNext(maySeal: boolean): Promise<Handed | undefined> {
    for (;;) {
      const segment = this.#open?.segment ?? (await this.#oldest(maySeal));
      if (segment === undefined) return undefined;
      try {
        const handed = await this.#readFrom(segment);
        if (handed !== undefined) return handed;
      } catch (error) {
        await this.#closeFile();
        this.#setBack(segment, error);
      }
    }
  }

  async #oldest(maySeal: boolean): Promise<Segment | undefined> {
    const { segments, seal } = this.#options;
    const sealed = segments.oldestToRead();
    if (sealed !== undefined || !maySeal) return sealed;
    await seal();
    return segments.oldestToRead();
  }

  /** The next record of the segment; undefined at its end. */
  async #readFrom(segment: Segment): Promise<Handed | undefined> {
    this.#open ??= await openSegment(this.#options.files, segment);
    const { reader } = this.#open;
    for (;;) {
      const found = await reader.at(segment.position);
      if (found === null) break;
      const request = found.kind === 'record' ? decodeRequest(found.metadata, found.body) : null;
      if (request === null) await this.#passDamage(segment, reader, found);
      segment.position = found.offset + found.length;
      if (request === null) continue;
      segment.read.records += 1;
      segment.read.bytes += found.length;
      const handed = { request, segment, bytes: found.length };
      this.#handed.push(handed);
      return handed;
    }
    await this.#closeFile();
    segment.finished = true;
    if (segment.drained) await this.#delete(segment);
    return undefined;
  }

  async #closeFile(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.close();
  }

  async #passDamage(segment: Segment, reader: SegmentReader, { kind, offset, length }: Found): Promise<void> {
    const where = { file: basename(segment.path), offset, length };
    if (kind === 'torn') {
      this.torn += 1;
      this.#options.logger.warn(where, 'the last write to a spool segment was cut short');
      return;
    }
    await this.#aside(segment, `${asideBase(segment.base)}.corrupt`, stretch(reader, offset, length), length);
    this.corrupt += 1;
    this.#options.logger.error(where, 'damaged bytes of a spool segment were set aside');
  }

  async #aside(segment: Segment, name: string, chunks: Chunks, bytes: number): Promise<void> {
    const { files, segments } = this.#options;
    await setAside(files, dirname(segment.path), name, chunks);
    segments.asideBytes += bytes;
  }

  async #delete(segment: Segment): Promise<void> {
    const { files, segments } = this.#options;
    try {
      await files.remove(segment.path);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') return this.#setBack(segment, error);
    }
    segments.delete(segment);
    // If its name comes back after a power cut, its records are drained again, which stores nothing twice.
    await files.syncDirectory(dirname(segment.path)).catch(() => undefined);
  }

  /** One bad file does not keep the others waiting. */
  #setBack(segment: Segment, error: unknown): void {
    if (errorCode(error) === 'ENOENT') this.#options.segments.delete(segment);
    segment.postponed = true;
    if (this.#told.has(segment)) return;
    this.#told.add(segment);
    this.#options.logger.warn(
      { err: error, file: basename(segment.path) },
      'a spool segment cannot be read or deleted',
    );
  }
}
