/** Once per run: a place for temporary files, the daemons' logs among them, and the report at the end. */
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { collectTemporaryFiles } from '../support/global-setup.ts';
import { finishReport } from './report.ts';

export function setup(): () => void {
  const removeTemporaryFiles = collectTemporaryFiles();
  const directory = mkdtempSync(join(tmpdir(), 'chaos-run-'));
  mkdirSync(join(directory, 'logs'));
  process.env['CHAOS_RUN_DIRECTORY'] = directory;
  return () => {
    finishReport();
    removeTemporaryFiles();
  };
}
