/** A place for spools, and requests to put there. */
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VerifiedRequest } from '../../../../src/core/event.ts';
import { rowId } from '../../../../src/core/row-id.ts';
import type { Spool, SpooledRequest, SpoolLimit } from '../../../../src/core/spool.ts';
import { openSpool, type SpoolOptions } from '../../../../src/storage/disk/spool/spool.ts';

export const EVERYTHING: SpoolLimit = { records: 1_000_000, bytes: 1024 ** 3 };
/** No look by itself within a test. */
const NEVER_MS = 3_600_000;

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface Place {
  /** DATA_DIR */
  readonly dataDir: string;
  /** DATA_DIR/spool */
  readonly directory: string;
  readonly log: LogLine[];
  /** Looks for dead processes only when it is opened, unless told otherwise. */
  open(options?: Partial<SpoolOptions>): Promise<Spool>;
  /** The directories of the processes. */
  processes(): string[];
  /** Every file of the spool, without the locks: paths below `directory`. */
  files(): string[];
}

/** Runs a test in a directory of its own, closes the spools it opened, and removes everything. */
export async function inPlace(body: (place: Place) => Promise<void>): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'gateway-spool-'));
  try {
    await inDirectory(dataDir, body);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** The same, in a directory that is somebody else's to remove. */
export async function inDirectory(dataDir: string, body: (place: Place) => Promise<void>): Promise<void> {
  const directory = join(dataDir, 'spool');
  const opened: Spool[] = [];
  const log: LogLine[] = [];
  try {
    await body({
      dataDir,
      directory,
      log,
      open: async (options = {}) => {
        const logger = logInto(log);
        const spool = await openSpool({ directory, maxBytes: 1024 ** 3, logger, scanMs: NEVER_MS, ...options });
        opened.push(spool);
        return spool;
      },
      processes: () => readdirSync(directory).map((name) => join(directory, name)),
      files: () =>
        readdirSync(directory, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
          .sort(),
    });
  } finally {
    await Promise.all(opened.map((spool) => spool.close()));
  }
}

export function logInto(log: LogLine[]): SpoolOptions['logger'] {
  const at =
    (level: LogLine['level']) =>
    (first: unknown, message?: string): void => {
      if (typeof first === 'string') log.push({ level, message: first, fields: {} });
      else log.push({ level, message: message ?? '', fields: { ...(first as object) } });
    };
  return { info: at('info'), warn: at('warn'), error: at('error') };
}

let arrivals = Date.UTC(2026, 0, 1);

export function request(part: Partial<VerifiedRequest> = {}): VerifiedRequest {
  const id = rowId();
  arrivals += 1;
  const event = { source: 'stripe', type: 'invoice.paid', subject: null, occurredAt: null, payload: '{}' };
  return {
    id,
    source: 'stripe',
    provider: 'stripe',
    receivedAt: new Date(arrivals),
    headers: { 'content-type': 'application/json', 'stripe-signature': 't=1,v1=SECRET-SIGNATURE' },
    body: Buffer.from(`SECRET-BODY of ${id}`),
    secret: 0,
    events: [{ ...event, id: rowId(), dedupeKey: `evt_${id}` }],
    ...part,
  };
}

export function requests(count: number): VerifiedRequest[] {
  return Array.from({ length: count }, () => request());
}

/** One after the other, so that each is a group of its own. */
export async function appendEach(spool: Spool, all: readonly VerifiedRequest[]): Promise<void> {
  for (const one of all) await spool.append(one);
}

/** What must come back of a request. */
export function asSpooled({ events, ...rest }: VerifiedRequest): SpooledRequest {
  return { ...rest, eventIds: new Map(events.map(({ dedupeKey, id }) => [dedupeKey, id])) };
}

export function ids(all: readonly { readonly id: string }[]): string[] {
  return all.map(({ id }) => id);
}

/** Removes everything, batch by batch, and returns the ids in order. */
export async function drain(spool: Spool, limit: SpoolLimit = { records: 7, bytes: 1024 ** 2 }): Promise<string[]> {
  const drained: string[] = [];
  for (;;) {
    const batch = await spool.peek(limit);
    if (batch.length === 0) return drained;
    drained.push(...ids(batch));
    await spool.remove(batch);
  }
}
