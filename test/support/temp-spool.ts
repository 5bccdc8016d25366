/** A real spool in a directory of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import type { Spool } from '../../src/core/spool.ts';
import { openSpool } from '../../src/storage/disk/spool/spool.ts';

export interface TempSpool {
  readonly spool: Spool;
  readonly directory: string;
  /** Closes it and removes the directory. */
  destroy(): Promise<void>;
}

export async function openTempSpool(options: { maxBytes?: number } = {}): Promise<TempSpool> {
  const home = mkdtempSync(join(tmpdir(), 'gateway-spool-'));
  const directory = join(home, 'spool');
  const logger = pino({ level: 'silent' });
  const spool = await openSpool({ directory, maxBytes: options.maxBytes ?? 64 * 1024 * 1024, logger });
  return {
    spool,
    directory,
    async destroy() {
      await spool.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
