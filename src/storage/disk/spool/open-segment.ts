/** A segment's file, open for reading. */
import type { Segment } from './segment.ts';
import { SegmentReader } from './segment-reader.ts';
import type { SpoolFiles } from './spool-files.ts';

export interface OpenSegment {
  readonly segment: Segment;
  readonly reader: SegmentReader;
  /** Never rejects. */
  close(): Promise<void>;
}

/** @throws the system's error */
export async function openSegment(files: SpoolFiles, segment: Segment): Promise<OpenSegment> {
  const file = await files.open(segment.path, 'read');
  const close = () => file.close().catch(() => undefined);
  try {
    const size = await file.size();
    return { segment, reader: new SegmentReader(file, segment.marker, Math.min(segment.end ?? size, size)), close };
  } catch (error) {
    await close();
    throw error;
  }
}
