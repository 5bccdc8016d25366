/** One line per row of the table: printed at the end of every run, written to chaos-report.md by the full form. */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { Latency } from '../support/percentiles.ts';
import { FULL, RATE } from './form.ts';

export interface ReportLine {
  readonly fault: string;
  readonly requests: number;
  readonly refused: number;
  readonly spooled: number;
  /** Of answers of 200 to what was sent while the fault lasted; null where nothing was measured. */
  readonly latency: Latency | null;
  /** Milliseconds from the end of the fault; null where nothing was spooled. */
  readonly spoolEmptyMs: number | null;
  readonly lost: number;
  readonly twice: number;
  /** What else is worth telling. */
  readonly note?: string;
}

/** Directory of this run, made by the global setup; the log of every daemon of the run is in `logs`. */
export function runDirectory(): string {
  const directory = process.env['CHAOS_RUN_DIRECTORY'];
  if (directory === undefined) throw new Error('run it with --config test/chaos/vitest.config.ts');
  return directory;
}

const linesFile = () => join(runDirectory(), 'report.jsonl');

export function addToReport(line: ReportLine): void {
  appendFileSync(linesFile(), `${JSON.stringify(line)}\n`);
}

/** Called once, after the last test. */
export function finishReport(): void {
  if (!existsSync(linesFile())) return;
  const lines = readFileSync(linesFile(), 'utf8').trim().split('\n');
  const rows = lines.map((line) => formatted(JSON.parse(line) as ReportLine));
  const table = [HEAD, HEAD.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  console.info(`\n${table}\n`);
  if (!FULL) return;
  const machine = `Node ${process.version}, ${cpus().length} processors (${cpus()[0]?.model.trim() ?? 'unknown'})`;
  const load = `${RATE} fresh webhooks a second, one in ten sent twice`;
  writeFileSync('chaos-report.md', `# Chaos report\n\n${new Date().toISOString()}, ${machine}; ${load}.\n\n${table}\n`);
}

const HEAD = [
  'fault',
  'requests',
  'refused',
  'spooled',
  'median ms',
  'p99 ms',
  'spool empty after s',
  'lost',
  'twice',
  'note',
];

function formatted(line: ReportLine): string[] {
  const { latency, spoolEmptyMs } = line;
  const number = (value: number | null | undefined, digits: number) => value?.toFixed(digits) ?? '';
  return [
    line.fault,
    String(line.requests),
    String(line.refused),
    String(line.spooled),
    number(latency?.p50, 1),
    number(latency?.p99, 0),
    spoolEmptyMs === null ? '' : number(spoolEmptyMs / 1000, 1),
    String(line.lost),
    String(line.twice),
    line.note ?? '',
  ];
}
