/** Counts the records of segments that another process wrote, and keeps nothing of them. */
import { openSegment } from './open-segment.ts';
import { decodeRequest } from './record.ts';
import type { Segment } from './segment.ts';
import type { SpoolFiles } from './spool-files.ts';

/**
 * Counts into `segment.found` as it goes; ends early when the segment has been read by the drain meanwhile, which then
 * knows better, or when told to stop. Lets the event loop go on after each chunk that it reads.
 */
export async function countRecords(files: SpoolFiles, segment: Segment, stopped: () => boolean): Promise<void> {
  const { reader, close } = await openSegment(files, segment);
  try {
    segment.found.records = 0;
    segment.found.bytes = 0;
    for (let position = 0; !segment.finished && !stopped(); ) {
      const found = await reader.at(position);
      if (found === null) break;
      position = found.offset + found.length;
      if (found.kind !== 'record') continue;
      segment.firstArrival ??= decodeRequest(found.metadata, found.body)?.receivedAt ?? null;
      segment.found.records += 1;
      segment.found.bytes += found.length;
    }
    segment.counted = true;
  } finally {
    await close();
  }
}
