/** Prints what `npm run doctor` has found, for people or for machines. */
import type { Level, Section } from './finding.ts';

/** False if anything is at fault. */
export function isHealthy(sections: readonly Section[]): boolean {
  return count(sections, 'fault') === 0;
}

export function reportAsText(sections: readonly Section[]): string {
  const lines = sections.flatMap(({ name, findings }) => [
    name,
    ...findings.flatMap(({ level, text, advice }) => [
      `  ${level.padEnd(7)}  ${text}`,
      ...(advice === undefined ? [] : [`           -> ${advice}`]),
    ]),
    '',
  ]);
  const summary = `${plural(count(sections, 'fault'), 'fault')}, ${plural(count(sections, 'warning'), 'warning')}.`;
  return `${[...lines, summary].join('\n')}\n`;
}

/** `{ healthy, sections: [{ name, findings: [{ level, text, advice? }] }] }` */
export function reportAsJson(sections: readonly Section[]): string {
  return `${JSON.stringify({ healthy: isHealthy(sections), sections }, null, 2)}\n`;
}

function count(sections: readonly Section[], level: Level): number {
  return sections.flatMap(({ findings }) => findings).filter((finding) => finding.level === level).length;
}

function plural(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
