/** Turns what a disk says into the two answers that a spool gives. */
import { SpoolError } from '../../../core/errors.ts';
import { errorCode } from './spool-files.ts';

const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** The message is a file system's own: paths and codes, never a value of a request. */
export function toSpoolError(error: unknown): SpoolError {
  if (error instanceof SpoolError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return FULL.has(errorCode(error) ?? '')
    ? new SpoolError('full', `The disk is full: ${reason}`)
    : new SpoolError('broken', `The disk does not take it: ${reason}`);
}
