/** The table at the end of a run. */
import { cpus, totalmem } from 'node:os';
import type { Figure } from './measurement.ts';

export function describeMachine(): string {
  const [first] = cpus();
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  return `${cpus().length} x ${first?.model ?? 'unknown processor'}, ${memory} GiB, Node.js ${process.version}`;
}

/** A Markdown table, ready for docs/performance.md. */
export function printTable(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.name,
    `${format(figure.value)}${figure.unit ? ` ${figure.unit}` : ''}`,
    figure.required === undefined ? '' : `${figure.better === 'lower' ? '<= ' : ''}${format(figure.required)}`,
    figure.aim === undefined ? '' : `${figure.better === 'lower' ? '<= ' : ''}${format(figure.aim)}`,
    verdict(figure),
    figure.note ?? '',
  ]);
  return [['figure', 'measured', 'at least', 'aim', '', ''], ['---', '---:', '---:', '---:', '---', '---'], ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

function verdict({ value, required, aim, better }: Figure): string {
  const reaches = (bound: number) => (better === 'lower' ? value <= bound : value >= bound);
  if (required === undefined) return '';
  if (!reaches(required)) return 'missed';
  return aim !== undefined && reaches(aim) ? 'aim reached' : 'reached';
}

function format(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}
