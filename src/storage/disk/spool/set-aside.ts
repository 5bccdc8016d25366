/** Keeps what cannot be drained in a file beside its segment, where a person finds it. */
import { join } from 'node:path';
import type { SegmentReader } from './segment-reader.ts';
import { type SpoolFile, type SpoolFiles, writeFully } from './spool-files.ts';

/** Bytes copied at a time. */
const CHUNK_BYTES = 256 * 1024;

export type Chunks = AsyncIterable<Buffer> | Iterable<Buffer>;

/**
 * Appends to a file, made if there is none; resolves when the bytes are on the disk. If it fails the file is as before, as
 * far as the disk lets us.
 */
export async function setAside(files: SpoolFiles, directory: string, name: string, chunks: Chunks): Promise<void> {
  const file = await files.open(join(directory, name), 'extend');
  try {
    const start = await file.size();
    try {
      await appendAll(file, start, chunks);
      await file.datasync();
      await files.syncDirectory(directory);
    } catch (error) {
      await file.truncate(start).catch(() => undefined);
      throw error;
    }
  } finally {
    await file.close();
  }
}

async function appendAll(file: SpoolFile, start: number, chunks: Chunks): Promise<void> {
  let position = start;
  for await (const chunk of chunks) {
    await writeFully(file, chunk, position);
    position += chunk.length;
  }
}

/** A stretch of a segment, piece by piece. */
export async function* stretch(reader: SegmentReader, offset: number, length: number): AsyncGenerator<Buffer> {
  for (let done = 0; done < length; done += CHUNK_BYTES)
    yield await reader.read(offset + done, Math.min(CHUNK_BYTES, length - done));
}
