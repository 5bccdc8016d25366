/**
 * The spool on the local disk. How its parts go together, behind disk-spool.ts:
 * - own-directory.ts: each process has a directory of its own, locked by a socket that the kernel frees with the process.
 * - group-commit.ts, segment-writer.ts: appends are written and synced in groups, to segment files of about 16 MiB.
 * - segment-drain.ts, segment-reader.ts: records come back in order and past damage; drained segments are deleted.
 * - takeover.ts: directories of dead processes become part of one's own.
 */
import type { Logger } from 'pino';
import type { Spool } from '../../../core/spool.ts';
import { DiskSpool } from './disk-spool.ts';
import { nodeFiles, type SpoolFiles } from './spool-files.ts';

export interface SpoolOptions {
  /** DATA_DIR/spool, absolute: the directory of all processes' spools. */
  readonly directory: string;
  /** Bytes that the segments of this process, and what was set aside, may take on the disk. */
  readonly maxBytes: number;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** The file system; default: the real one. */
  readonly files?: SpoolFiles;
  /** Milliseconds between two looks for what dead processes left; default: 5,000. */
  readonly scanMs?: number;
  /** Milliseconds after which a disk that does not answer is given up; default: 5,000. */
  readonly hangMs?: number;
  /** About so many bytes make a segment; default: 16 MiB. */
  readonly segmentBytes?: number;
}

/**
 * Opens the spool of this process, and takes over what dead processes left. Never rejects: where the disk does not let us,
 * the spool says so, refuses requests, and tries again.
 */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { directory, maxBytes, logger, files = nodeFiles } = options;
  const { scanMs = 5_000, hangMs = 5_000, segmentBytes = 16 * 1024 * 1024 } = options;
  const spool = new DiskSpool({ directory, maxBytes, logger, files, scanMs, hangMs, segmentBytes });
  await spool.open();
  return spool;
}
