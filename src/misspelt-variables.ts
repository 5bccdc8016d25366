/** Variables of the environment that are hardly anybody else's: one letter or separator away from one of ours. */
import { FILE_VARIABLES, variables } from './config-variables.ts';

export interface MisspeltVariable {
  readonly name: string;
  /** The variable of ours that it was probably meant to be. */
  readonly meant: string;
}

const OURS: readonly string[] = [...Object.keys(variables.shape), ...FILE_VARIABLES.map((name) => `${name}_FILE`)];
const KNOWN = new Set(OURS);

/**
 * What stands in the environment and is read by nobody. Rather silent than wrong: a name is not told where the variable that it
 * resembles is set too, since other programs read the same environment under names of their own.
 */
export function misspeltVariables(environment: Readonly<Record<string, string | undefined>>): MisspeltVariable[] {
  const has = (name: string) => (environment[name]?.trim() ?? '') !== '';
  const twin = (name: string) => (name.endsWith('_FILE') ? name.slice(0, -'_FILE'.length) : `${name}_FILE`);
  const free = OURS.filter((name) => !has(name) && !has(twin(name)));
  return Object.keys(environment)
    .filter((name) => has(name) && !KNOWN.has(name))
    .flatMap((name) => {
      const [nearest] = free
        .map((meant) => ({ name, meant, faults: faultsBetween(name, meant) }))
        .filter(({ faults }) => Number.isFinite(faults))
        .sort((one, other) => one.faults - other.faults);
      return nearest === undefined ? [] : [{ name, meant: nearest.meant }];
    });
}

/** One sentence, without the value, which may be a secret. */
export function describeMisspelt({ name, meant }: MisspeltVariable): string {
  return `${name} is set, and is no variable of the gateway: is ${meant} meant?`;
}

/** Typing errors that lie between them; infinite where they are too many for one to be meant by the other. */
function faultsBetween(name: string, ours: string): number {
  const words = ours.split('_');
  const given = name.toUpperCase().split(/[^A-Z0-9]+/);
  const letters = words.join('');
  const joined = given.join('');
  // PORT is one letter away from POST, SORT and PORTS: of a single word only PROT is told.
  if (words.length === 1) return isSwapped(joined, letters) ? 1 : Infinity;
  if (joined === letters) return 0;
  // DATABASE_URL2 is a second one of somebody's, not a slip.
  if (/\d/.test(name)) return Infinity;
  if (given.length !== words.length) return distance(joined, letters) === 1 ? 1 : Infinity;
  // Word by word: ADMIN_HOST and REDIS_TTL are as near to ADMIN_PORT and REDIS_URL as a word mistyped twice.
  const faults = words.map((word, at) => {
    const one = distance(given[at] ?? '', word);
    return one <= (word.length < 5 ? 1 : 2) ? one : Infinity;
  });
  const sum = faults.reduce((total, one) => total + one, 0);
  return sum <= (letters.length < 10 ? 1 : 2) ? sum : Infinity;
}

/** The same letters, two neighbours in each other's place. */
function isSwapped(one: string, other: string): boolean {
  return [...one].sort().join('') === [...other].sort().join('') && distance(one, other) === 1;
}

/** Letters left out, put in, replaced, or swapped with their neighbour (optimal string alignment). */
function distance(one: string, other: string): number {
  const rows: number[][] = [Array.from({ length: other.length + 1 }, (_, at) => at)];
  const cost = (row: number, column: number) => rows[row]?.[column] ?? Infinity;
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1] ? 0 : 1;
      const swap = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      row.push(
        Math.min(
          cost(i - 1, j) + 1,
          cost(i, j - 1) + 1,
          cost(i - 1, j - 1) + same,
          swap ? cost(i - 2, j - 2) + 1 : Infinity,
        ),
      );
    }
  }
  return cost(one.length, other.length);
}
