/** What processes use, from /proc. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';

/** The kernel counts in hundredths of a second. */
const MICROSECONDS_A_TICK = 10_000;

/** Microseconds of processor time that the process and its children, also those that have ended, have used so far. */
export function cpuMicroseconds(pid: number): number {
  const root = timesOf(pid);
  const children = readdirSync('/proc')
    .map(Number)
    .filter((other) => other > 0)
    .map((other) => timesOf(other))
    .filter(({ parent }) => parent === pid);
  const ticks = children.reduce((sum, { own }) => sum + own, root.own + root.endedChildren);
  return ticks * MICROSECONDS_A_TICK;
}

function timesOf(pid: number): { parent: number; own: number; endedChildren: number } {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // After the name, which stands in parentheses and may hold anything: state, parent, ... utime (14th of all), stime, cutime, cstime.
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [utime = 0, stime = 0, cutime = 0, cstime = 0] = fields.slice(11, 15);
    return { parent: fields[1] ?? 0, own: utime + stime, endedChildren: cutime + cstime };
  } catch {
    // It has ended meanwhile.
    return { parent: 0, own: 0, endedChildren: 0 };
  }
}

/** Megabytes of memory that the process holds now, and has held at most. */
export function memoryOf(pid: number): { resident: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const megabytes = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024;
  return { resident: megabytes('VmRSS'), peak: megabytes('VmHWM') };
}
