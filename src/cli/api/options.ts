/** Options that several commands share, and how what is typed is read. */
import { type Command, InvalidArgumentError } from 'commander';
import { validate as isUuid } from 'uuid';
import { fromTime } from '../from-time.ts';
import { DEFAULT_LIMIT } from './pages.ts';

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `30m` ago, a date, or a time with its zone; as the API takes it. @throws InvalidArgumentError */
export function time(text: string): string {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const ago = count === undefined ? null : Number(count) * (UNITS[unit] ?? 0);
  return (ago === null ? fromTime(text) : new Date(Date.now() - ago)).toISOString();
}

export const TIME_HELP = '2h (ago), 2026-11-20, or 2026-11-20T14:30:00+01:00';

/** A whole number from 1. */
export function count(text: string): number {
  const number = Number(text);
  if (!/^\d{1,15}$/.test(text) || number < 1) throw new InvalidArgumentError('write a whole number from 1.');
  return number;
}

/** A position in the stream of events: a whole number from 0. */
export function position(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('write a whole number from 0.');
  return Number(text);
}

/** A number above 0. */
export function positive(text: string): number {
  const number = Number(text);
  if (!(number > 0) || !Number.isFinite(number)) throw new InvalidArgumentError('write a number above 0.');
  return number;
}

/** `a,b`; may be given several times. */
export function list(text: string, before: readonly string[] = []): readonly string[] {
  const given = text.split(',').map((one) => one.trim());
  return [...before, ...given.filter((one) => one !== '')];
}

/** A name or an id: the API takes an empty one for none at all. */
export function named(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('it is empty.');
  return text;
}

/** An id, and no name. @param group the command that lists those */
export function idOf(group: string): (text: string) => string {
  return (text) => {
    if (isUuid(named(text))) return text;
    throw new InvalidArgumentError(`it is no id: \`webhook-gateway ${group}\` lists the ids.`);
  };
}

/** Of an option that may be given several times. */
export function allNamed(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, named(text)];
}

/** Of an option that is given once for each value, which may hold commas. */
export function append(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** A condition over payloads. */
export function jsonObject(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidArgumentError(`write a JSON object, such as '{"amount": {"$gt": 1000}}'.`);
  }
  return value;
}

/** Of every list. */
export function withPaging(command: Command): Command {
  return command
    .option('--limit <n>', `rows at most (default: ${DEFAULT_LIMIT})`, count)
    .option('--all', 'all of them, however many');
}

/** Every help ends with examples: what is typed behind `webhook-gateway`, and what it does. */
export function withExamples(command: Command, examples: readonly (readonly [string, string?])[], more = ''): Command {
  const width = Math.max(...examples.map(([typed]) => typed.length));
  const lines = examples.map(([typed, what = '']) => `  webhook-gateway ${typed.padEnd(width)}  ${what}`.trimEnd());
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}${more === '' ? '' : `\n\n${more}`}`);
}
