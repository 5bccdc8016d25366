/** What lies in the spool, by the files on the disk, and what the running daemon says of it. */
import { readdirSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { readDaemonFile } from '../../storage/disk/daemon-file.ts';
import { type Finding, ok, warning } from './finding.ts';

/** Milliseconds for an answer of the daemon. */
const TIME_LIMIT = 5_000;
const MIB = 1024 * 1024;

export interface SpoolCheckOptions {
  /** Absolute. */
  readonly dataDir: string;
  /** `SPOOL_MAX_BYTES`. */
  readonly maxBytes: number;
}

export async function checkSpool({ dataDir, maxBytes }: SpoolCheckOptions): Promise<Finding[]> {
  const directory = join(dataDir, 'spool');
  const files = spoolFiles(directory);
  const waiting = files.filter(({ kind }) => kind === '.spool');
  return [
    ...checkWaiting(waiting, maxBytes),
    ...checkAside(
      files.filter(({ kind }) => kind === '.rejected'),
      'webhooks that PostgreSQL refused',
      'The daemon’s log says why. Renamed to .spool (mv -n) they are tried again.',
    ),
    ...checkAside(
      files.filter(({ kind }) => kind === '.corrupt'),
      'damaged bytes of the spool',
      'Look at the disk. The files can be removed when nobody needs them.',
    ),
    ...(await checkMetrics(readDaemonFile(dataDir)?.url)),
  ];
}

interface SpoolFile {
  readonly path: string;
  readonly kind: string;
  readonly bytes: number;
}

function spoolFiles(directory: string): SpoolFile[] {
  let names: string[];
  try {
    names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names.flatMap((name) => {
    const path = join(directory, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat?.isFile() ? [{ path, kind: extname(name), bytes: stat.size }] : [];
  });
}

function checkWaiting(files: readonly SpoolFile[], maxBytes: number): Finding[] {
  if (files.length === 0) return [ok('nothing waits for PostgreSQL')];
  const bytes = sum(files);
  const text = `webhooks wait for PostgreSQL: ${mebibytes(bytes)} (each process may have ${mebibytes(maxBytes)}, SPOOL_MAX_BYTES)`;
  return [warning(text, 'A running daemon sends them as soon as PostgreSQL takes them. Keep the files.')];
}

function checkAside(files: readonly SpoolFile[], what: string, advice: string): Finding[] {
  const [first] = files;
  if (first === undefined) return [];
  const more = files.length > 1 ? ` and ${files.length - 1} more` : '';
  return [warning(`${what} were put aside: ${first.path}${more}, ${mebibytes(sum(files))}`, advice)];
}

const SHOWN = [
  'webhook_spool_records',
  'webhook_spool_bytes',
  'webhook_spool_oldest_seconds',
  'webhook_spool_drained_total',
  'webhook_spool_rejected_total',
  'webhook_spool_corrupt_total',
  'webhook_breaker_open',
];

/** Nothing, if no daemon answers or this machine may not read its metrics. */
async function checkMetrics(url: string | undefined): Promise<Finding[]> {
  if (url === undefined) return [];
  const text = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(TIME_LIMIT), redirect: 'manual' })
    .then((response) => (response.ok ? response.text() : ''))
    .catch(() => '');
  const values = new Map(text.split('\n').map((line) => line.split(' ', 2) as [string, string | undefined]));
  const said = SHOWN.flatMap((name) => {
    const value = values.get(name);
    return value === undefined ? [] : [`${name.replace('webhook_', '')} ${value}`];
  });
  if (said.length === 0) return [];
  const line = `the daemon that wrote daemon.json says: ${said.join(', ')}`;
  return [values.get('webhook_breaker_open') === '1' ? warning(line) : ok(line)];
}

function sum(files: readonly SpoolFile[]): number {
  return files.reduce((total, { bytes }) => total + bytes, 0);
}

function mebibytes(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
